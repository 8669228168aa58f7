package actors

import (
	"context"
	"fmt"
	"slices"

	"github.com/kadeploy/kadeploy/internal/image"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// preparer returns the work that a request needs before the first machine is touched: its image is read from end to end and
// held against its digest, and the kernel that the nodes will boot is laid out for the network, or their boot sector looked at.
func preparer(from sources) func(context.Context, *job, func(string)) error {
	return func(ctx context.Context, j *job, tell func(string)) error {
		if j.env == nil {
			return nil
		}
		if err := from.prepare(ctx, j, tell); err != nil {
			return err
		}
		var err error
		if slices.ContainsFunc(j.order, j.startsPartition) {
			err = image.CheckBootSector(j.image)
		}
		if err == nil && j.takesKernel() {
			j.boot, err = image.ExtractBoot(ctx, j.image, j.env.Kernel, j.env.Initrd, j.env.Hypervisor, j.images)
		}
		return j.worded(err)
	}
}

// sameImage holds what was read against what the user may name. The image itself sees to it that it stays the same.
func (j *job) sameImage(img *image.Image) error {
	f, err := img.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return j.same(img.Path, info)
}

// takesKernel says whether the image's own kernel is taken out of it: for nodes that boot it over the network (bootloader = pure_pxe). For
// those that boot their disk (chainload_pxe) it is taken out, too, so that an archive without it is found before a disk is written; a dd image
// cannot be looked into.
func (j *job) takesKernel() bool {
	if j.env == nil || j.env.OS == "other" {
		return false
	}
	return slices.ContainsFunc(j.order, func(host string) bool {
		h := j.nodes[host]
		switch {
		case h.node.Bootloader == "chainload_pxe" && (j.reboots() || j.env.Image.Kind == "dd"):
			return false
		case j.reboots():
			return true
		}
		return h.plan.Has(workflow.InstallBootloader)
	})
}

// checkArchives finds a missing or oversized archive before any disk is touched.
func (j *job) checkArchives() error {
	for _, host := range j.order {
		n := j.nodes[host].node
		for _, a := range n.PreInstall {
			if err := checkArchive(a.Path, j.maxPre); err != nil {
				return fmt.Errorf("admin_pre_install of %s: %w", host, err)
			}
		}
		for _, a := range n.PostInstall {
			if err := checkArchive(a.Path, j.maxPost); err != nil {
				return fmt.Errorf("admin_post_install of %s: %w", host, err)
			}
		}
	}
	if p := j.env.PreInstall; p != nil {
		if err := checkArchive(p.Path, j.maxPre); err != nil {
			return fmt.Errorf("preinstall of %s: %w", j.env.Name, err)
		}
	}
	for _, a := range j.env.PostInstall {
		if err := checkArchive(a.Path, j.maxPost); err != nil {
			return fmt.Errorf("postinstall of %s: %w", j.env.Name, err)
		}
	}
	return nil
}

func checkArchive(path string, limit int64) error {
	size, err := regularSize(path)
	if err != nil {
		return err
	}
	if limit > 0 && size > limit {
		return fmt.Errorf("%s has %d bytes; the site takes at most %d (max_preinstall_size, max_postinstall_size)", path, size, limit)
	}
	return nil
}

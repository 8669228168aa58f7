package actors

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/blockdev"
	"github.com/kadeploy/kadeploy/internal/workflow"
	"github.com/kadeploy/kadeploy/pxe"
)

// panicReboots is the first argument of every kernel: one that finds no root starts again, and is not found hanging. What a site says of it
// comes later, and wins.
const panicReboots = "panic=10 "

// deployProfile boots the deployment system, or the one whose root is on an NFS server. Its agent finds the server, what to know it by, and
// its token on the kernel's command line. The token is the only secret there.
func (j *job) deployProfile(h *hostJob, boot workflow.Boot, home expected, token string) (pxe.Profile, error) {
	n := h.node
	kernel, initrds, site := n.DeployKernel, n.DeployInitrd, n.DeployKernelArgs
	if boot == workflow.BootNFSRoot {
		kernel, initrds, site = n.NFSRootKernel, nil, n.NFSRootParams
	}
	args := []string{site, agentWords(n, home, token), fmt.Sprintf("kadeploy.time=%d", time.Now().Unix())}
	if len(n.Drivers) > 0 {
		args = append(args, "kadeploy.drivers="+strings.Join(n.Drivers, ","))
	}
	return pxe.Deployment(path.Join(j.imagesTFTP, kernel), j.prefixed(initrds), panicReboots+strings.TrimSpace(strings.Join(args, " "))), nil
}

// agentWords are what an agent must know, as it stands in the command line of its kernel. The token is a secret.
func agentWords(n *config.Node, home expected, token string) string {
	return strings.Join([]string{
		"kadeploy.server=" + home.server, "kadeploy.pin=" + home.pin,
		"kadeploy.node=" + n.Name, "kadeploy.token=" + token, "kadeploy.marker=" + strconv.Itoa(n.MarkerPort),
	}, " ")
}

// userProfile boots what was deployed: the image's own kernel, below its own hypervisor if it has one, by the network where we have them
// (bootloader pure_pxe), else whatever the disk boots, or the boot sector of the partition where the disk gets no boot loader. root is what the node says that a kernel calls the partition; "": as the
// configuration does.
func (j *job) userProfile(h *hostJob, root string) (pxe.Profile, error) {
	n := h.node
	switch {
	case j.facts(n).StartsPartition():
		return bootSector(n)
	case j.boot.Kernel == "" || n.Bootloader == "chainload_pxe":
		return pxe.FromDisk(), nil
	}
	if root = cmp.Or(root, n.DeployDevice()); blockdev.IsHint(root) && !j.namesRoot(h) {
		return pxe.Profile{}, &fatalError{fmt.Errorf("the agent did not say what a kernel calls %s: add root=... to kernel_params, or renew the deployment system", root)}
	}
	initrd := ""
	if j.boot.Initrd != "" {
		initrd = path.Join(j.imagesTFTP, j.boot.Initrd)
	}
	p := pxe.Deployed(path.Join(j.imagesTFTP, j.boot.Kernel), initrd, root, panicReboots+j.params(h))
	if j.boot.Hypervisor != "" {
		p.Kind, p.Hypervisor, p.HypervisorArgs = pxe.Xen, path.Join(j.imagesTFTP, j.boot.Hypervisor), j.env.HypervisorParams
	}
	return p, nil
}

// params are the arguments of the deployed kernel: those of the image instead of the cluster's (2009) or after them (later).
func (j *job) params(h *hostJob) string {
	own := j.env.KernelParams
	if j.env.KernelParamsOnly && own != "" {
		return own
	}
	return strings.TrimSpace(h.node.KernelParams + " " + own)
}

func (j *job) checkRoots() error {
	for _, host := range j.order {
		if err := j.checkRoot(j.nodes[host]); err != nil {
			return err
		}
	}
	return nil
}

// checkRoot refuses a disk that the deployed kernel, booted by the network, could not find by the name that it would be given: that of a
// hint, where no agent mounts the partition before and says what kernels call it.
func (j *job) checkRoot(h *hostJob) error {
	n := h.node
	if !j.takesKernel() || n.Bootloader == "chainload_pxe" || !blockdev.IsHint(n.BlockDevice) || j.namesRoot(h) || j.mounts(h) {
		return nil
	}
	return fmt.Errorf("node %s: block_device = %s is no name that a kernel knows: add root=... to kernel_params, or set bootloader = chainload_pxe", n.Name, n.BlockDevice)
}

// namesRoot says whether the site or the image says itself what the kernel's root is.
func (j *job) namesRoot(h *hostJob) bool { return strings.Contains(" "+j.params(h), " root=") }

// mounts says whether an agent mounts the deployed partition, by whichever instance of the first macro-step the node goes.
func (j *job) mounts(h *hostJob) bool {
	first := h.plan.Macros[0]
	return first.Macro == workflow.SetDeploymentEnv && !slices.ContainsFunc(first.Instances, func(i workflow.InstancePlan) bool {
		return !slices.ContainsFunc(i.Steps, func(s workflow.Step) bool { return s.Micro == workflow.MountDeployPart })
	})
}

// kernel is how the deployed system is started from its disk.
func (j *job) kernel(h *hostJob) *agentpb.Kernel {
	return &agentpb.Kernel{
		Root: h.node.ExtractionDir, Device: h.node.DeployDevice(),
		Kernel: j.env.Kernel, Initrd: j.env.Initrd, Params: panicReboots + j.params(h),
	}
}

func (j *job) prefixed(files []string) []string {
	all := make([]string, len(files))
	for i, f := range files {
		all[i] = path.Join(j.imagesTFTP, f)
	}
	return all
}

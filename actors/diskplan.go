package actors

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/blockdev"
	"github.com/kadeploy/kadeploy/internal/wording"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// diskPlans says of each node of a deployment what would be lost, as far as its disks were ever seen.
func (s *nodeStates) diskPlans(j *job, snapshot *config.Snapshot) []*message.DiskPlan {
	if !j.deploys() {
		return nil
	}
	var all []*message.DiskPlan
	for _, host := range j.order {
		for _, p := range j.losses(j.nodes[host]) {
			p.Node = host
			s.look(p)
			if site, ok := snapshot.Node(host); ok { // the request may name another disk
				p.Production = production(site, p.GetDisk())
			}
			all = append(all, p)
		}
	}
	return all
}

// losses are one for each disk that is written: a layout may take several.
func (j *job) losses(h *hostJob) []*message.DiskPlan {
	layout := h.node.Layout
	if layout == nil || !h.plan.Has(workflow.CreatePartitionTable) || layout.Beyond() == "" {
		p := j.loss(h)
		p.Device = h.node.BlockDevice
		return []*message.DiskPlan{p}
	}
	devices, err := layout.On(h.node.BlockDevice)
	if err != nil { // the node will refuse it
		devices = []string{h.node.BlockDevice}
	}
	var all []*message.DiskPlan
	for _, device := range devices {
		all = append(all, &message.DiskPlan{Device: device, Destruction: message.Destruction_TABLE, Text: "partition table, arrays and volumes replaced by the layout"})
	}
	return all
}

// loss is what a deployment writes over on a node, by whichever instances of its macro-steps it goes.
func (j *job) loss(h *hostJob) *message.DiskPlan {
	n, has := h.node, h.plan.Has
	p := &message.DiskPlan{}
	var words []string
	lost := func(how string, parts ...int) {
		var numbers []string
		for _, number := range parts {
			p.Partitions, numbers = append(p.Partitions, uint32(number)), append(numbers, fmt.Sprint(number))
		}
		switch {
		case len(parts) == 1:
			words = append(words, "partition "+numbers[0]+how)
		case len(parts) > 1:
			words = append(words, "partitions "+strings.Join(numbers, ", ")+how)
		}
	}
	var formatted []int
	for _, f := range []struct {
		micro workflow.Micro
		part  string
	}{{workflow.FormatDeployPart, n.DeployPart}, {workflow.FormatTmpPart, n.TmpPart}, {workflow.FormatSwapPart, n.SwapPart}} {
		if has(f.micro) {
			formatted = append(formatted, blockdev.Number(f.part))
		}
	}
	slices.Sort(formatted)
	raw := has(workflow.SendEnvironment) && j.env.Image.Kind != "tar"
	if raw && !j.wholeDevice() {
		lost(" overwritten by the "+j.env.Image.Kind+" image", blockdev.Number(n.DeployPart))
	}
	lost(" formatted", formatted...)
	switch {
	case raw && j.wholeDevice():
		p.Destruction, words = message.Destruction_DISK, []string{"whole disk overwritten by the " + j.env.Image.Kind + " image"}
	case has(workflow.CreatePartitionTable):
		p.Destruction, words = message.Destruction_TABLE, slices.Insert(words, 0, "partition table replaced")
	case len(words) > 0:
		p.Destruction, words[0] = message.Destruction_PARTITIONS, "only "+words[0]
	}
	switch byScripts := slices.ContainsFunc(scripts, has); {
	case byScripts && len(words) > 0:
		words = append(words, "and what preinstalls and custom operations do")
	case byScripts:
		p.Destruction, words = message.Destruction_SCRIPTS, []string{"only what preinstalls and custom operations do"}
	case len(words) == 0:
		words = []string{"nothing is formatted or overwritten"}
	}
	p.Text = strings.Join(words, ", ")
	return p
}

// look finds the disk that is meant among those that were seen.
func (s *nodeStates) look(p *message.DiskPlan) {
	known := s.disks[p.GetNode()]
	if known == nil {
		p.Problem = "never seen: boot it once with kadeploy reboot --kind deploy_env -m " + p.GetNode()
		return
	}
	p.Seen = known.GetSeen()
	var all, meant []string
	for _, d := range known.GetDisks() {
		all = append(all, diskName(d))
		if asNamed(d).Is(p.GetDevice()) {
			meant = append(meant, diskName(d))
			p.Disk = d
		}
	}
	switch {
	case len(all) == 0:
		p.Problem = "it had no disks when it was seen"
	case len(meant) == 0:
		p.Problem = line(fmt.Sprintf("%s was not among its disks: %s", p.GetDevice(), strings.Join(all, ", ")))
	case len(meant) > 1:
		p.Disk, p.Problem = nil, line(fmt.Sprintf("%s means more than one of its disks: %s", p.GetDevice(), strings.Join(meant, ", ")))
	}
}

// production is the partition of a disk with the node's production system; 0: it has none.
func production(n *config.Node, disk *message.Disk) uint32 {
	number := uint32(blockdev.Number(n.ProdPart))
	if disk == nil || number == 0 || !asNamed(disk).Is(n.BlockDevice) {
		return 0
	}
	if !slices.ContainsFunc(disk.GetPartitions(), func(p *message.DiskPartition) bool { return p.GetNumber() == number }) {
		return 0
	}
	return number
}

func asNamed(d *message.Disk) blockdev.Disk {
	return blockdev.Disk{Device: d.GetDevice(), Serial: d.GetSerial(), Model: d.GetModel(), Size: int64(d.GetSize()), WWID: d.GetWwid(), Path: d.GetPath()}
}

// diskName is how a text names a disk.
func diskName(d *message.Disk) string {
	return fmt.Sprintf("%s (%s, %s, %s)", d.GetDevice(), d.GetModel(), d.GetSerial(), wording.Size(d.GetSize()))
}

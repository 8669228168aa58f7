package command

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// nodeDisks is one of the "nodes" in the JSON of kadeploy nodes --disks.
type nodeDisks struct {
	Node  string `json:"node"`
	Seen  string `json:"seen"` // RFC 3339; "": never
	Disks []disk `json:"disks"`
}

// disk is a disk as its node's deployment system found it.
type disk struct {
	Device     string      `json:"device"` // /dev/sda, then
	Model      string      `json:"model"`
	Serial     string      `json:"serial"`
	WWID       string      `json:"wwid"`
	Path       string      `json:"path"`   // as udev names it
	Size       uint64      `json:"size"`   // bytes
	InUse      string      `json:"in_use"` // why it could not be partitioned then; "": it could
	Partitions []partition `json:"partitions"`
	content                // of a disk without a table
}

type partition struct {
	Number  uint32 `json:"number"`
	Start   uint64 `json:"start"`   // bytes from the start of the disk
	Size    uint64 `json:"size"`    // bytes
	Mounted string `json:"mounted"` // directory
	content
}

type content struct {
	Filesystem string `json:"filesystem"`
	Label      string `json:"label"`
	UUID       string `json:"uuid"`
}

func (r *runner) disks(ctx context.Context, svc Service, only []string, asJSON bool) error {
	answer, err := await(ctx, r, 0, func(ctx context.Context) (*message.Disks, error) { return svc.Disks(ctx, only) })
	if err != nil {
		return err
	}
	nodes := []nodeDisks{}
	for _, n := range answer.GetNodes() {
		nodes = append(nodes, nodeDisks{wording.Clean(n.GetNode()), rfc3339(n.GetSeen()), newDisks(n.GetDisks())})
	}
	if asJSON {
		return r.writeJSON(map[string]any{"nodes": nodes})
	}
	rows := [][]string{{"NODE", "DISK", "SIZE", "MODEL", "SERIAL", "SEEN", "CONTENTS"}}
	for _, n := range nodes {
		name, seen := n.Node, local(n.Seen)
		if len(n.Disks) == 0 {
			rows = append(rows, []string{name, "-", "-", "-", "-", seen, "-"})
		}
		for _, d := range n.Disks {
			rows = append(rows, slices.Concat([]string{name}, d.cells(), []string{seen, d.contents(0)}))
			rows = append(rows, d.partitionRows(0, 1)...)
			name, seen = "", ""
		}
	}
	var b bytes.Buffer
	wording.Table(&b, rows)
	return r.write(b.Bytes())
}

func newDisks(all []*message.Disk) []disk {
	disks := []disk{}
	for _, d := range all {
		disks = append(disks, newDisk(d))
	}
	return disks
}

func newDisk(m *message.Disk) disk {
	clean := wording.Clean
	d := disk{Device: clean(m.GetDevice()), Model: clean(m.GetModel()), Serial: clean(m.GetSerial()), WWID: clean(m.GetWwid()), Path: clean(m.GetPath()),
		Size: m.GetSize(), InUse: clean(m.GetInUse()), Partitions: []partition{}, content: newContent(m.GetContent())}
	for _, p := range m.GetPartitions() {
		d.Partitions = append(d.Partitions, partition{p.GetNumber(), p.GetStart(), p.GetSize(), clean(p.GetMounted()), newContent(p.GetContent())})
	}
	return d
}

func newContent(c *message.DiskContent) content {
	return content{wording.Clean(c.GetFilesystem()), wording.Clean(c.GetLabel()), wording.Clean(c.GetUuid())}
}

func (c content) String() string {
	if c.Label == "" {
		return c.Filesystem
	}
	return fmt.Sprintf("%s %q", c.Filesystem, c.Label)
}

// cells are DISK, SIZE, MODEL and SERIAL.
func (d disk) cells() []string {
	return []string{d.Device, wording.Size(d.Size), dash(d.Model), dash(d.Serial)}
}

// contents is what is on the disk; production is the partition with the production system, 0: none.
func (d disk) contents(production uint32) string {
	all := []string{d.content.String(), d.InUse}
	if len(d.Partitions) > 0 {
		all[0] = "partitioned"
	}
	if production != 0 {
		all = append(all, "the production system is on it")
	}
	return dash(strings.Join(present(all), ", "))
}

// partitionRows are a row for each partition, below that of its disk, with so many empty columns before the contents.
func (d disk) partitionRows(production uint32, empty int) [][]string {
	var rows [][]string
	for _, p := range d.Partitions {
		contents := []string{p.content.String()}
		if p.Mounted != "" {
			contents = append(contents, "mounted on "+p.Mounted)
		}
		if p.Number == production {
			contents = append(contents, "the production system")
		}
		row := []string{"", fmt.Sprintf("  %d", p.Number), wording.Size(p.Size), "", ""}
		rows = append(rows, slices.Concat(row, make([]string, empty), []string{dash(strings.Join(present(contents), ", "))}))
	}
	return rows
}

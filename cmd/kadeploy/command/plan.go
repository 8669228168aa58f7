package command

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// diskPlan is one of the "disks" in the JSON of kadeploy deploy --plan and --dry-run.
type diskPlan struct {
	Node        string   `json:"node"`
	Device      string   `json:"device"`      // as the configuration or -b writes it
	Destruction string   `json:"destruction"` // disk, table, partitions, scripts, nothing
	Partitions  []uint32 `json:"partitions"`  // that are formatted or overwritten
	Text        string   `json:"text"`        // both in words
	Seen        string   `json:"seen"`        // RFC 3339: when the node's disks were; "": never
	Disk        *disk    `json:"disk"`        // that the device meant then
	Problem     string   `json:"problem"`     // why there is none
	Production  uint32   `json:"production"`  // the partition of it with the production system; 0: it has none
}

func newDiskPlans(all []*message.DiskPlan) []diskPlan {
	plans := []diskPlan{}
	for _, m := range all {
		p := diskPlan{Node: wording.Clean(m.GetNode()), Device: wording.Clean(m.GetDevice()), Destruction: lower(m.GetDestruction()),
			Partitions: append([]uint32{}, m.GetPartitions()...), Text: wording.Clean(m.GetText()), Seen: rfc3339(m.GetSeen()),
			Problem: wording.Clean(m.GetProblem()), Production: m.GetProduction()}
		if m.GetDisk() != nil {
			d := newDisk(m.GetDisk())
			p.Disk = &d
		}
		plans = append(plans, p)
	}
	return plans
}

// dryRun shows what a request would do: all of it, or, for a plan, what becomes of the disks.
func (r *runner) dryRun(ctx context.Context, svc Service, p *plan) error {
	checked, err := await(ctx, r, 0, func(ctx context.Context) (*message.Checked, error) { return svc.Check(ctx, p.submit) })
	if err != nil {
		return err
	}
	lines := []string{}
	for _, l := range checked.GetLines() {
		lines = append(lines, wording.Clean(l))
	}
	disks := newDiskPlans(checked.GetDisks())
	if p.json {
		return r.writeJSON(map[string]any{"dry_run": true, "lines": lines, "disks": disks})
	}
	var b bytes.Buffer
	if !p.disksOnly {
		for _, l := range lines {
			fmt.Fprintln(&b, l)
		}
	}
	if len(disks) > 0 {
		wording.Table(&b, planRows(disks))
		fmt.Fprintln(&b, "nothing was changed; contents are those of when a disk was seen: what was written to it later is not among them")
	}
	return r.write(b.Bytes())
}

func planRows(plans []diskPlan) [][]string {
	rows := [][]string{{"NODE", "DISK", "SIZE", "MODEL", "SERIAL", "SEEN", "WHAT HAPPENS", "CONTENTS"}}
	for _, p := range plans {
		if p.Disk == nil {
			rows = append(rows, []string{p.Node, p.Device, "-", "-", "-", local(p.Seen), p.Text, p.Problem})
			continue
		}
		rows = append(rows, slices.Concat([]string{p.Node}, p.Disk.cells(), []string{local(p.Seen), p.Text, p.Disk.contents(p.Production)}))
		rows = append(rows, p.Disk.partitionRows(p.Production, 2)...)
	}
	return rows
}

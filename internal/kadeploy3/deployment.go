package kadeploy3

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kadeploy/kadeploy/internal/store"
)

// deployment is the rows of one operation, by node.
type deployment struct{ rows []logRow }

// ImportedID begins the ids of operations that were imported.
const ImportedID = "K3-"

// The outcomes of operations, as the server writes them.
const (
	allOK   = "ALL_OK"
	partial = "PARTIAL"
	none    = "FAILED"
)

// deployments are those of all rows, by their beginnings. Rows of one need not follow each other: there is one log for each cluster. One
// whose other rows come after the last that was kept is left out: taken now, it would be known, and its other nodes lost, when those are imported.
func (p *Past) deployments() []deployment {
	slices.SortStableFunc(p.rows, func(a, b logRow) int { return cmp.Or(cmp.Compare(a.wid, b.wid), cmp.Compare(a.host, b.host)) })
	var all []deployment
	twice, cut := 0, 0
	for i, r := range p.rows {
		first := i == 0 || r.wid != p.rows[i-1].wid
		switch {
		case p.cut[r.wid]:
			if first {
				cut++
			}
			continue
		case first:
			all = append(all, deployment{})
		case r.host == p.rows[i-1].host:
			twice++
			continue
		}
		last := &all[len(all)-1]
		last.rows = append(last.rows, r)
	}
	table := Place{File: p.file, Row: "table log"}
	p.report.lostRows(twice, table, "%s of nodes that their deployment has already: the first row was taken", count(twice, "row"))
	p.report.lostRows(cut, table, "%s with some of the rows after the first %d: what is dumped alone must have all rows of it", count(cut, "deployment"), p.maxRows)
	slices.SortStableFunc(all, func(a, b deployment) int { return cmp.Compare(a.start(), b.start()) })
	return all
}

func (d deployment) start() int64 {
	return slices.MinFunc(d.rows, func(a, b logRow) int { return cmp.Compare(a.start, b.start) }).start
}

// operation is the deployment as the server keeps one that has ended.
func (d deployment) operation() store.Operation {
	first := d.rows[0]
	o := store.Operation{ID: ImportedID + first.wid, User: first.user, Kind: "deploy", Environment: first.env, Total: len(d.rows), Since: moment(d.start()), Outcome: partial}
	for _, r := range d.rows {
		if r.ok {
			o.OK++
		} else {
			o.KO++
		}
		if end := moment(r.end()); end.After(o.Until) {
			o.Until = end
		}
	}
	switch {
	case o.KO == 0:
		o.Outcome = allOK
	case o.OK == 0:
		o.Outcome = none
	}
	o.Text = fmt.Sprintf("imported from Kadeploy3: %d of %d nodes OK", o.OK, o.Total)
	if first.anonymous {
		o.Text += "; the environment was in no catalogue"
	}
	return o
}

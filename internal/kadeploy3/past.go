package kadeploy3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/mysqldump"
	"github.com/kadeploy/kadeploy/internal/store"
)

// Archive is the server's database: a *store.Store, which this program has claimed.
type Archive interface {
	Operation(ctx context.Context, id string) (store.Operation, error)
	Nodes(ctx context.Context) ([]store.NodeState, error)
	Write(ctx context.Context, b store.Batch) error
}

// Server is where the past goes.
type Server struct {
	Site *config.Snapshot // its nodes, and for how long it keeps history
	Into Archive          // nil only looks
	Now  time.Time
}

// Taken is what was taken of the past, or would be.
type Taken struct {
	Report
	Deployments, Results, States int // Results: ends of nodes in the deployments
	Known, KnownStates           int // deployments and states that the server had already
}

// Bounds of the past that one import takes.
const (
	maxLogRows    = 1_000_000
	maxStateRows  = 200_000
	batchedResult = 2000 // results of one transaction, but for a deployment that has more
)

// Past is what a dump holds of it. It is taken once.
type Past struct {
	*database
	maxRows  int
	words    map[string]string // one copy of what many rows say
	rows     []logRow
	others   int             // rows of reboots and of power operations
	beyond   int             // rows after the first maxRows
	cut      map[string]bool // the ids of deployments that have rows on both sides
	states   []stateRow
	envNames map[string]string // by the id in the dump: NAME:VERSION
}

// ReadPast reads the log and the states of nodes of a dump: a file, compressed or not, or "-" for stdin. The error is a dump that is of no use.
func ReadPast(ctx context.Context, dump string, stdin io.Reader) (*Past, error) {
	return readPast(ctx, dump, stdin, maxLogRows)
}

func readPast(ctx context.Context, dump string, stdin io.Reader, maxRows int) (*Past, error) {
	p := &Past{maxRows: maxRows, words: map[string]string{}, cut: map[string]bool{}, envNames: map[string]string{}}
	err := opened(ctx, dump, stdin, func(in io.Reader, name string) error {
		p.database = newDatabase(name, &Report{})
		p.aside = "environments"
		p.takers = map[string]func(mysqldump.Row, Place) error{"environments": p.takeName, "log": p.takeLog, "nodes": p.takeState}
		_, err := p.readFrom(in, name)
		return err
	})
	return p, err
}

// Take puts deployments and states of nodes into a server's archive. What that has already stays as it is, so that it may be done again.
// The error is an archive that does not take what it is given; what went in before stays.
func (p *Past) Take(ctx context.Context, to Server) (*Taken, error) {
	taken := &Taken{}
	if to.Into == nil {
		p.report.note(Place{File: p.file}, "what the server has of it already was not looked at")
	}
	latest, err := p.store(ctx, to, taken)
	if err == nil {
		err = p.storeStates(ctx, to, taken, latest)
	}
	if err != nil {
		return nil, fmt.Errorf("%w; %s and %s are taken: what is left is taken when this is done again", err, count(taken.Deployments, "deployment"), count(taken.States, "state"))
	}
	taken.Report = *p.report
	return taken, nil
}

// word is one copy of a text.
func (p *Past) word(text string) string {
	if known, ok := p.words[text]; ok {
		return known
	}
	p.words[text] = text
	return text
}

// takeName keeps what an environment is called, for the nodes that it is on.
func (p *Past) takeName(row mysqldump.Row, place Place) error {
	if len(p.envNames) < maxEnvironments {
		p.envNames[row.Get("id").Text] = p.text(row, "name", place) + ":" + p.text(row, "version", place)
	}
	return nil
}

// store puts the deployments into the archive, and returns the last one that began on each node.
func (p *Past) store(ctx context.Context, to Server, taken *Taken) (map[string]string, error) {
	latest := map[string]string{}
	old, future, uncounted := 0, 0, 0
	var batch store.Batch
	flush := func() error {
		if to.Into == nil || len(batch.Begin) == 0 {
			batch = store.Batch{}
			return nil
		}
		err := to.Into.Write(ctx, batch)
		if err == nil {
			taken.Deployments += len(batch.Begin)
			taken.Results += len(batch.Results)
		}
		batch = store.Batch{}
		return err
	}
	for _, d := range p.deployments() {
		o := d.operation()
		switch keep := to.Site.Global.HistoryKeep; {
		case keep > 0 && o.Until.Before(to.Now.Add(-keep)):
			old++
			continue
		case o.Until.After(to.Now.Add(24 * time.Hour)):
			future++
			continue
		}
		if keep := to.Site.Global.StatisticsKeep; keep > 0 && o.Until.Before(to.Now.Add(-keep)) {
			uncounted++
		}
		for _, r := range d.rows {
			latest[r.host] = o.ID
		}
		known, err := p.known(ctx, to.Into, o.ID)
		if err != nil {
			return nil, err
		}
		if known {
			taken.Known++
			continue
		}
		if to.Into == nil {
			taken.Deployments++
			taken.Results += len(d.rows)
			continue
		}
		batch.Begin = append(batch.Begin, o)
		for _, r := range d.rows {
			cluster := ""
			if node, ours := to.Site.Node(r.host); ours {
				cluster = node.Cluster
			}
			batch.Results = append(batch.Results, r.result(o.ID, cluster))
			batch.Steps = append(batch.Steps, r.lastTries(o.ID, cluster)...)
		}
		if len(batch.Results) >= batchedResult {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	table := Place{File: p.file, Row: "table log"}
	p.report.lostRows(old, table, "%s ended longer ago than history_keep, and would be forgotten when the server starts: set history_keep = 0 to have them", count(old, "deployment"))
	if uncounted > 0 {
		p.report.note(table, "%s ended longer ago than statistics_keep, and will not be in the statistics once the server has started: set statistics_keep = 0 before, to have them there", count(uncounted, "deployment"))
	}
	p.report.lostRows(future, table, "%s ended later than now", count(future, "deployment"))
	p.report.lostRows(p.others, table, "%s of reboots, power and consoles: only deployments are taken", count(p.others, "row"))
	p.report.lostRows(p.beyond, table, "%s after the first %d: dump them alone, by mysqldump --where, and import that, too", count(p.beyond, "row"), p.maxRows)
	return latest, flush()
}

func (p *Past) known(ctx context.Context, into Archive, id string) (bool, error) {
	if into == nil {
		return false, nil
	}
	_, err := into.Operation(ctx, id)
	if errors.Is(err, store.ErrUnknown) {
		return false, nil
	}
	return err == nil, err
}

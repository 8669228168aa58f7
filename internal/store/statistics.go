package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// StepTimes is how one step of one cluster went, in the days asked for.
type StepTimes struct {
	Cluster, Macro, Instance string
	Micro                    string // "" for an instance as a whole
	OK, Failed, Cut          int
	Resumed                  int           // OK, too, but interrupted by the end of a daemon: not in OK, nor in the times
	P50, P90, P99            time.Duration // of those that were OK; within 3 %
	Max                      time.Duration // likewise; exact
}

// NodeRate is how often one node got through, in the days asked for.
type NodeRate struct {
	Node, Cluster string
	OK, KO        int
	Retries       int // tries beyond the first, of all its operations
}

// Cause is why steps failed, with names and numbers taken out, in the days asked for.
type Cause struct {
	Macro, Micro, Kind, Cause string
	Count                     int
	Example                   string // a node where it happened
}

// StepTimes are those of operations of a kind ("": of every one), of the days (UTC) that touch a span of time; a zero since is the beginning,
// a zero until no end. By cluster, macro, instance, micro.
func (s *Store) StepTimes(ctx context.Context, kind string, since, until time.Time) ([]StepTimes, error) {
	type row struct {
		StepTimes
		outcome       string
		bucket, steps int
		longest       int64
	}
	c := within(stretches(since, until), kind)
	rows, err := list(ctx, s, func(r *sql.Rows) (w row, err error) {
		err = r.Scan(&w.Cluster, &w.Macro, &w.Instance, &w.Micro, &w.outcome, &w.bucket, &w.steps, &w.longest)
		return w, err
	}, `SELECT cluster, macro, instance, micro, outcome, bucket, CAST(SUM(steps) AS BIGINT), MAX(longest) FROM step_counts`+c.either()+`
		GROUP BY cluster, macro, instance, micro, outcome, bucket
		ORDER BY cluster, macro, instance, micro, bucket`, c.args...)
	if err != nil {
		return nil, err
	}
	var all []StepTimes
	var h histogram
	for i, w := range rows {
		switch w.outcome {
		case StepOK:
			h.add(w.bucket, w.steps, time.Duration(w.longest)*time.Microsecond)
		case StepResumed:
			h.resumed += w.steps
		case StepFailed:
			h.failed += w.steps
		default:
			h.cut += w.steps
		}
		if i+1 == len(rows) || rows[i+1].StepTimes != w.StepTimes {
			t := w.StepTimes
			t.OK, t.Resumed, t.Failed, t.Cut = h.total, h.resumed, h.failed, h.cut
			t.P50, t.P90, t.P99, t.Max = h.quantile(0.50), h.quantile(0.90), h.quantile(0.99), h.longest
			all = append(all, t)
			h = histogram{}
		}
	}
	return all, nil
}

// NodeRates are those of a kind and of the days that touch a span of time, as in StepTimes. By node, then cluster.
func (s *Store) NodeRates(ctx context.Context, kind string, since, until time.Time) ([]NodeRate, error) {
	c := within(stretches(since, until), kind)
	return list(ctx, s, func(r *sql.Rows) (n NodeRate, err error) {
		err = r.Scan(&n.Node, &n.Cluster, &n.OK, &n.KO, &n.Retries)
		return n, err
	}, `SELECT node, cluster, CAST(SUM(ok) AS BIGINT), CAST(SUM(ko) AS BIGINT), CAST(SUM(retries) AS BIGINT) FROM node_counts`+c.either()+`
		GROUP BY node, cluster ORDER BY node, cluster`, c.args...)
}

// maxCauses bounds the list of causes.
const maxCauses = 1000

// Causes are the 1000 most frequent of a kind and of the days that touch a span of time, as in StepTimes. The most frequent first.
func (s *Store) Causes(ctx context.Context, kind string, since, until time.Time) ([]Cause, error) {
	c := within(stretches(since, until), kind)
	return list(ctx, s, func(r *sql.Rows) (one Cause, err error) {
		err = r.Scan(&one.Macro, &one.Micro, &one.Kind, &one.Cause, &one.Count, &one.Example)
		return one, err
	}, `SELECT macro, micro, kind, cause, CAST(SUM(steps) AS BIGINT) AS total, MAX(example) FROM cause_counts`+c.either()+fmt.Sprintf(`
		GROUP BY macro, micro, kind, cause ORDER BY total DESC, macro, micro, kind, cause LIMIT %d`, maxCauses), c.args...)
}

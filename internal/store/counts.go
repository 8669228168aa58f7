package store

import (
	"cmp"
	"maps"
	"slices"
)

// counts is what one transaction adds to the counts of days.
type counts struct {
	times  map[timeKey]timeCount
	rates  map[rateKey]rateCount
	causes map[causeKey]causeCount
}

type (
	timeKey struct {
		day                                      int64
		cluster, macro, instance, micro, outcome string
		bucket                                   int
	}
	timeCount struct{ steps, longest int64 }

	rateKey struct {
		day           int64
		node, cluster string
	}
	rateCount struct{ ok, ko, retries int64 }

	causeKey struct {
		day                       int64
		macro, micro, kind, cause string
	}
	causeCount struct {
		steps   int64
		example string
	}
)

func newCounts() counts {
	return counts{make(map[timeKey]timeCount), make(map[rateKey]rateCount), make(map[causeKey]causeCount)}
}

// countStep counts a step that was not there before, on the day of its start.
func (c *counts) countStep(t Step, fresh bool) error {
	if !fresh {
		return nil
	}
	day := dayOf(t.At)
	key := timeKey{day, name(t.Cluster), name(t.Macro), name(t.Instance), name(t.Micro), name(t.Outcome), bucketOf(t.Took)}
	n := c.times[key]
	c.times[key] = timeCount{n.steps + 1, max(n.longest, t.Took.Microseconds())}
	if t.Outcome == StepFailed {
		key := causeKey{day, name(t.Macro), name(t.Micro), name(t.Kind), plain(t.Cause, t.Node)}
		c.causes[key] = causeCount{c.causes[key].steps + 1, name(t.Node)}
	}
	return nil
}

// countResult counts a result that was not there before, on the day of the end.
func (c *counts) countResult(r Result, fresh bool) error {
	if !fresh {
		return nil
	}
	key := rateKey{dayOf(r.At), name(r.Node), name(r.Cluster)}
	n := c.rates[key]
	switch r.Phase {
	case PhaseOK:
		n.ok++
	case PhaseKO:
		n.ko++
	}
	n.retries += int64(max(r.Tries-1, 0))
	c.rates[key] = n
	return nil
}

// days adds the counts to those of the database, always in the same order: so two servers do not wait for each other.
func (w *writing) days(Batch) error {
	times := slices.SortedFunc(maps.Keys(w.times), func(a, b timeKey) int {
		return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.cluster, b.cluster), cmp.Compare(a.macro, b.macro), cmp.Compare(a.instance, b.instance),
			cmp.Compare(a.micro, b.micro), cmp.Compare(a.outcome, b.outcome), cmp.Compare(a.bucket, b.bucket))
	})
	err := each(w, times, `INSERT INTO step_day (day, cluster, macro, instance, micro, outcome, bucket, steps, longest)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (day, cluster, macro, instance, micro, outcome, bucket) DO UPDATE
		SET steps = step_day.steps + excluded.steps,
		longest = CASE WHEN excluded.longest > step_day.longest THEN excluded.longest ELSE step_day.longest END`,
		func(k timeKey) []any {
			n := w.times[k]
			return []any{k.day, k.cluster, k.macro, k.instance, k.micro, k.outcome, k.bucket, n.steps, n.longest}
		}, nil)
	if err != nil {
		return err
	}
	rates := slices.SortedFunc(maps.Keys(w.rates), func(a, b rateKey) int {
		return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.node, b.node), cmp.Compare(a.cluster, b.cluster))
	})
	err = each(w, rates, `INSERT INTO node_day (day, node, cluster, ok, ko, retries) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (day, node, cluster) DO UPDATE
		SET ok = node_day.ok + excluded.ok, ko = node_day.ko + excluded.ko, retries = node_day.retries + excluded.retries`,
		func(k rateKey) []any {
			n := w.rates[k]
			return []any{k.day, k.node, k.cluster, n.ok, n.ko, n.retries}
		}, nil)
	if err != nil {
		return err
	}
	causes := slices.SortedFunc(maps.Keys(w.causes), func(a, b causeKey) int {
		return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.macro, b.macro), cmp.Compare(a.micro, b.micro),
			cmp.Compare(a.kind, b.kind), cmp.Compare(a.cause, b.cause))
	})
	return each(w, causes, `INSERT INTO cause_day (day, macro, micro, kind, cause, steps, example) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (day, macro, micro, kind, cause) DO UPDATE
		SET steps = cause_day.steps + excluded.steps, example = excluded.example`,
		func(k causeKey) []any {
			n := w.causes[k]
			return []any{k.day, k.macro, k.micro, k.kind, k.cause, n.steps, n.example}
		}, nil)
}

package store

import (
	"cmp"
	"maps"
	"slices"

	"github.com/kadeploy/kadeploy/internal/store/fit"
)

// counts is what one transaction adds to the counts of days and months.
type counts struct {
	times  map[timeKey]timeCount
	rates  map[rateKey]rateCount
	causes map[causeKey]causeCount
}

type (
	timeKey struct {
		period
		operations                               string // their kind, as in the others
		cluster, macro, instance, micro, outcome string
		bucket                                   int
	}
	timeCount struct{ steps, longest int64 }

	rateKey struct {
		period
		operations, node, cluster string
	}
	rateCount struct{ ok, ko, retries int64 }

	causeKey struct {
		period
		operations, macro, micro, kind, cause string
	}
	causeCount struct {
		steps   int64
		example string
	}
)

func newCounts() counts {
	return counts{make(map[timeKey]timeCount), make(map[rateKey]rateCount), make(map[causeKey]causeCount)}
}

// kindOf is the kind of an operation, which has begun in this transaction or before.
func (w *writing) kindOf(operation string) (kind string, err error) {
	kind, known := w.kinds[operation]
	if !known {
		err = w.tx.QueryRowContext(w.ctx, `SELECT kind FROM operations WHERE id = $1`, operation).Scan(&kind)
		w.kinds[operation] = kind
	}
	return kind, err
}

// countStep counts a step that was not there before, on the day and in the month of its start.
func (w *writing) countStep(t Step, fresh bool) error {
	if !fresh {
		return nil
	}
	kind, err := w.kindOf(t.Operation)
	if err != nil {
		return err
	}
	for _, p := range periodsOf(t.At) {
		key := timeKey{p, kind, name(t.Cluster), name(t.Macro), name(t.Instance), name(t.Micro), name(t.Outcome), bucketOf(t.Took)}
		n := w.times[key]
		w.times[key] = timeCount{n.steps + 1, max(n.longest, t.Took.Microseconds())}
		if t.Outcome == StepFailed {
			key := causeKey{p, kind, name(t.Macro), name(t.Micro), name(t.Kind), fit.Plain(t.Cause, t.Node)}
			w.causes[key] = causeCount{w.causes[key].steps + 1, name(t.Node)}
		}
	}
	return nil
}

// countResult counts a result that was not there before, on the day and in the month of the end.
func (w *writing) countResult(r Result, fresh bool) error {
	if !fresh {
		return nil
	}
	kind, err := w.kindOf(r.Operation)
	if err != nil {
		return err
	}
	for _, p := range periodsOf(r.At) {
		key := rateKey{p, kind, name(r.Node), name(r.Cluster)}
		n := w.rates[key]
		switch r.Phase {
		case PhaseOK:
			n.ok++
		case PhaseKO:
			n.ko++
		}
		n.retries += int64(max(r.Tries-1, 0))
		w.rates[key] = n
	}
	return nil
}

// periods adds the counts to those of the database, always in the same order: so two servers do not wait for each other.
func (w *writing) periods(Batch) error {
	times := slices.SortedFunc(maps.Keys(w.times), func(a, b timeKey) int {
		return cmp.Or(comparePeriods(a.period, b.period), cmp.Compare(a.operations, b.operations), cmp.Compare(a.cluster, b.cluster), cmp.Compare(a.macro, b.macro), cmp.Compare(a.instance, b.instance),
			cmp.Compare(a.micro, b.micro), cmp.Compare(a.outcome, b.outcome), cmp.Compare(a.bucket, b.bucket))
	})
	err := each(w, times, `INSERT INTO step_counts (unit, period, op_kind, cluster, macro, instance, micro, outcome, bucket, steps, longest)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (unit, period, op_kind, cluster, macro, instance, micro, outcome, bucket) DO UPDATE
		SET steps = step_counts.steps + excluded.steps,
		longest = CASE WHEN excluded.longest > step_counts.longest THEN excluded.longest ELSE step_counts.longest END`,
		func(k timeKey) []any {
			n := w.times[k]
			return []any{k.unit, k.number, k.operations, k.cluster, k.macro, k.instance, k.micro, k.outcome, k.bucket, n.steps, n.longest}
		}, nil)
	if err != nil {
		return err
	}
	rates := slices.SortedFunc(maps.Keys(w.rates), func(a, b rateKey) int {
		return cmp.Or(comparePeriods(a.period, b.period), cmp.Compare(a.operations, b.operations), cmp.Compare(a.node, b.node), cmp.Compare(a.cluster, b.cluster))
	})
	err = each(w, rates, `INSERT INTO node_counts (unit, period, op_kind, node, cluster, ok, ko, retries) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (unit, period, op_kind, node, cluster) DO UPDATE
		SET ok = node_counts.ok + excluded.ok, ko = node_counts.ko + excluded.ko, retries = node_counts.retries + excluded.retries`,
		func(k rateKey) []any {
			n := w.rates[k]
			return []any{k.unit, k.number, k.operations, k.node, k.cluster, n.ok, n.ko, n.retries}
		}, nil)
	if err != nil {
		return err
	}
	causes := slices.SortedFunc(maps.Keys(w.causes), func(a, b causeKey) int {
		return cmp.Or(comparePeriods(a.period, b.period), cmp.Compare(a.operations, b.operations), cmp.Compare(a.macro, b.macro), cmp.Compare(a.micro, b.micro),
			cmp.Compare(a.kind, b.kind), cmp.Compare(a.cause, b.cause))
	})
	return each(w, causes, `INSERT INTO cause_counts (unit, period, op_kind, macro, micro, kind, cause, steps, example)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (unit, period, op_kind, macro, micro, kind, cause) DO UPDATE
		SET steps = cause_counts.steps + excluded.steps, example = excluded.example`,
		func(k causeKey) []any {
			n := w.causes[k]
			return []any{k.unit, k.number, k.operations, k.macro, k.micro, k.kind, k.cause, n.steps, n.example}
		}, nil)
}

func comparePeriods(a, b period) int {
	return cmp.Or(cmp.Compare(a.unit, b.unit), cmp.Compare(a.number, b.number))
}

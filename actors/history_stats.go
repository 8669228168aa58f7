package actors

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/supervisor"
)

// stats counts days. It names no user, so it is for everybody. What was asked for is read at once: each is a query of its own.
func (r reading) stats(ctx context.Context, m *message.StatsRequest) (proto.Message, error) {
	answer := &message.Stats{ClientId: m.GetClientId()}
	size, err := r.archive.Size(ctx)
	if err != nil {
		return nil, err
	}
	answer.DatabaseBytes = uint64(size)
	c := counting{r.archive, m.GetKind(), timeIn(m.GetSince()), timeIn(m.GetUntil())}
	var queries []func(context.Context) error
	if m.GetSteps() {
		queries = append(queries, func(ctx context.Context) (err error) { answer.Steps, err = c.steps(ctx); return err })
	}
	if m.GetNodes() {
		queries = append(queries, func(ctx context.Context) (err error) { answer.Nodes, err = c.nodes(ctx); return err })
	}
	if m.GetCauses() {
		queries = append(queries, func(ctx context.Context) (err error) { answer.Causes, err = c.causes(ctx); return err })
	}
	if err := supervisor.Together(ctx, queries...); err != nil {
		return nil, err
	}
	return answer, nil
}

// counting is a question about the operations of a kind in a span of time.
type counting struct {
	archive      Archive
	kind         string
	since, until time.Time
}

func (c counting) steps(ctx context.Context) (all []*message.StepStats, err error) {
	rows, err := c.archive.StepTimes(ctx, c.kind, c.since, c.until)
	for _, t := range rows {
		all = append(all, &message.StepStats{
			Cluster: t.Cluster, Macro: t.Macro, Instance: t.Instance, Micro: t.Micro, Ok: uint64(t.OK), Failed: uint64(t.Failed), Cut: uint64(t.Cut), Resumed: uint64(t.Resumed),
			P50: durationpb.New(t.P50), P90: durationpb.New(t.P90), P99: durationpb.New(t.P99), Max: durationpb.New(t.Max),
		})
	}
	return all, err
}

func (c counting) nodes(ctx context.Context) (all []*message.NodeStats, err error) {
	rows, err := c.archive.NodeRates(ctx, c.kind, c.since, c.until)
	for _, n := range rows {
		all = append(all, &message.NodeStats{Node: n.Node, Cluster: n.Cluster, Ok: uint64(n.OK), Ko: uint64(n.KO), Retries: uint64(n.Retries)})
	}
	return all, err
}

func (c counting) causes(ctx context.Context) (all []*message.CauseStats, err error) {
	rows, err := c.archive.Causes(ctx, c.kind, c.since, c.until)
	for _, one := range rows {
		all = append(all, &message.CauseStats{Macro: one.Macro, Micro: one.Micro, Cause: line(one.Cause), Count: uint64(one.Count), Example: one.Example})
	}
	return all, err
}

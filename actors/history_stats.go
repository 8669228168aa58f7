package actors

import (
	"context"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kadeploy/kadeploy/actors/message"
)

// stats counts days. It names no user, so it is for everybody.
func (r reading) stats(ctx context.Context, m *message.StatsRequest) (proto.Message, error) {
	answer := &message.Stats{ClientId: m.GetClientId()}
	size, err := r.archive.Size(ctx)
	if err != nil {
		return nil, err
	}
	answer.DatabaseBytes = uint64(size)
	since, until := timeIn(m.GetSince()), timeIn(m.GetUntil())
	if m.GetSteps() {
		rows, err := r.archive.StepTimes(ctx, m.GetKind(), since, until)
		if err != nil {
			return nil, err
		}
		for _, t := range rows {
			answer.Steps = append(answer.Steps, &message.StepStats{
				Cluster: t.Cluster, Macro: t.Macro, Instance: t.Instance, Micro: t.Micro, Ok: uint64(t.OK), Failed: uint64(t.Failed), Cut: uint64(t.Cut), Resumed: uint64(t.Resumed),
				P50: durationpb.New(t.P50), P90: durationpb.New(t.P90), P99: durationpb.New(t.P99), Max: durationpb.New(t.Max),
			})
		}
	}
	if m.GetNodes() {
		rows, err := r.archive.NodeRates(ctx, m.GetKind(), since, until)
		if err != nil {
			return nil, err
		}
		for _, n := range rows {
			answer.Nodes = append(answer.Nodes, &message.NodeStats{Node: n.Node, Cluster: n.Cluster, Ok: uint64(n.OK), Ko: uint64(n.KO), Retries: uint64(n.Retries)})
		}
	}
	if m.GetCauses() {
		rows, err := r.archive.Causes(ctx, m.GetKind(), since, until)
		if err != nil {
			return nil, err
		}
		for _, c := range rows {
			answer.Causes = append(answer.Causes, &message.CauseStats{Macro: c.Macro, Micro: c.Micro, Cause: line(c.Cause), Count: uint64(c.Count), Example: c.Example})
		}
	}
	return answer, nil
}

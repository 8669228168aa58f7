package actors

import (
	"context"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/nodeset"
	"github.com/kadeploy/kadeploy/internal/store"
)

// Bounds of a page: with the longest names and causes it is still one message.
const (
	pageNodes = 500
	pageTries = 2000
)

// show tells what happened in an operation, page by page. What does not change from page to page is on the first only.
func (r reading) show(ctx context.Context, by string, m *message.ShowRequest) (proto.Message, error) {
	o, err := r.archive.Operation(ctx, m.GetId())
	if err != nil {
		return nil, err
	}
	if !r.ledger.owns(by, o.User) {
		return nil, &refusal{message.Refusal_FORBIDDEN, notYours(o.ID, o.User)}
	}
	answer := &message.Shown{ClientId: m.GetClientId(), Operation: pastOperation(o)}
	if m.GetAfter() == "" {
		if err := r.head(ctx, o, answer); err != nil {
			return nil, err
		}
	}
	return answer, r.page(ctx, m, answer)
}

// head fills in what was asked for, and what the nodes got.
func (r reading) head(ctx context.Context, o store.Operation, answer *message.Shown) (err error) {
	asked := &message.Submit{}
	if err := proto.Unmarshal(o.Request, asked); err != nil {
		return err
	}
	answer.Nodes, answer.EnvironmentPath = nodeset.Fold(asked.GetNodes()), asked.GetEnvironmentPath()
	answer.NoPartitioning, answer.TmpFilesystem = asked.GetNoPartitioning(), asked.GetTmpFilesystem()
	if o.Until.IsZero() {
		if answer.Standing, err = r.standing(ctx, o.ID); err != nil {
			return err
		}
	}
	if asked.GetOperation() != message.Operation_DEPLOY {
		answer.RebootLevel = asked.GetRebootLevel()
		return nil
	}
	answer.ImageDigest, err = r.digest(ctx, o.ID)
	return err
}

// headEvents bounds those in which the digest is looked for: it is told before any node moves.
const headEvents = 500

func (r reading) digest(ctx context.Context, id string) (string, error) {
	events, err := r.archive.Events(ctx, id, 1, headEvents)
	if err != nil {
		return "", err
	}
	for _, row := range events {
		e := &message.Event{}
		if err := proto.Unmarshal(row.Fact, e); err != nil {
			return "", err
		}
		if digest := e.GetNote().GetImageDigest(); digest != "" {
			return digest, nil
		}
	}
	return "", nil
}

// page fills in the next nodes.
func (r reading) page(ctx context.Context, m *message.ShowRequest, answer *message.Shown) error {
	nodes, err := r.archive.NodesOf(ctx, m.GetId(), m.GetAfter(), pageNodes)
	if err != nil || len(nodes) == 0 {
		return err
	}
	span := store.Span{After: m.GetAfter(), To: nodes[len(nodes)-1]}
	tries, err := r.archive.StepsOf(ctx, m.GetId(), span, pageTries)
	if err != nil {
		return err
	}
	results, err := r.archive.ResultsOf(ctx, m.GetId(), span, pageNodes)
	if err != nil {
		return err
	}
	kept := nodes
	if len(tries) == pageTries {
		kept, tries = whole(nodes, tries)
	}
	if last := kept[len(kept)-1]; len(nodes) == pageNodes || len(kept) < len(nodes) {
		answer.Next = last
	}
	for _, t := range results {
		if slices.Contains(kept, t.Node) {
			answer.Results = append(answer.Results, pastResult(t))
		}
	}
	for _, t := range tries {
		answer.Tries = append(answer.Tries, pastTry(t))
	}
	return nil
}

// whole leaves out of a page the nodes whose tries are not all there; the first stays in any case. Both are in the order of
// the database.
func whole(nodes []string, tries []store.Step) ([]string, []store.Step) {
	last := tries[len(tries)-1].Node
	if tries[0].Node == last {
		return nodes[:slices.Index(nodes, last)+1], tries
	}
	cut := slices.IndexFunc(tries, func(t store.Step) bool { return t.Node == last })
	return nodes[:slices.Index(nodes, last)], tries[:cut]
}

func pastResult(t store.Result) *message.PastResult {
	p := &message.PastResult{Node: t.Node, Cluster: t.Cluster, State: t.State, Cause: line(t.Cause), Tries: uint32(t.Tries)}
	for phase, name := range phaseNames {
		if name == t.Phase {
			p.Phase = phase
		}
	}
	return p
}

func pastTry(t store.Step) *message.PastTry {
	p := &message.PastTry{Node: t.Node, Macro: t.Macro, Instance: t.Instance, Micro: t.Micro, Try: uint32(t.Try),
		At: timestamppb.New(t.At), Took: durationpb.New(t.Took), Cause: line(t.Cause)}
	switch t.Outcome {
	case store.StepFailed:
		p.Outcome = message.TryOutcome_TRY_FAILED
	case store.StepCut:
		p.Outcome = message.TryOutcome_TRY_CUT
	}
	return p
}

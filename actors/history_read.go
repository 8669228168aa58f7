package actors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/store"
)

// reading answers one question about the history. Its methods run in tasks.
type reading struct {
	archive Archive
	ledger  *ledger
}

// readTimeout bounds an answer. Clients wait for a little longer, and so hear of it.
const readTimeout = 8 * time.Second

// answer is the answer, or a refusal that says what to do.
func (r reading) answer(ctx context.Context, by string, asked request) proto.Message {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var answer proto.Message
	var err error
	switch m := asked.(type) {
	case *message.HistoryRequest:
		answer, err = r.list(ctx, by, m)
	case *message.ShowRequest:
		answer, err = r.show(ctx, by, m)
	case *message.StatsRequest:
		answer, err = r.stats(ctx, m)
	default:
		err = fmt.Errorf("history does not take a %T", m)
	}
	if err == nil && proto.Size(answer) > maxAnswer {
		err = &refusal{message.Refusal_INVALID, "more than one answer holds: ask for a shorter time, or for less of it"}
	}
	if err != nil {
		return r.refused(ctx, asked.GetClientId(), err)
	}
	return answer
}

// refusal is a reasoned no.
type refusal struct {
	code message.Refusal
	text string
}

func (r *refusal) Error() string { return r.text }

func (r reading) refused(ctx context.Context, clientID string, err error) proto.Message {
	no := &message.Refused{Code: message.Refusal_UNAVAILABLE, ClientId: clientID, Text: line("the history cannot be read: " + err.Error())}
	var reasoned *refusal
	switch {
	case errors.As(err, &reasoned):
		no.Code, no.Text = reasoned.code, line(reasoned.text)
	case errors.Is(err, store.ErrUnknown):
		no.Code, no.Text = message.Refusal_UNKNOWN_ID, line(err.Error()+" to this server's history (see kadeploy history)")
	case ctx.Err() != nil:
		no.Text = fmt.Sprintf("the database did not answer within %s: ask for a shorter time, or try again later", readTimeout)
	}
	return no
}

// list shows operations: to admins anybody's, to others their own.
func (r reading) list(ctx context.Context, by string, m *message.HistoryRequest) (proto.Message, error) {
	user := m.GetUser()
	if !r.ledger.admin(by) {
		if user != "" && user != by {
			return nil, &refusal{message.Refusal_FORBIDDEN, "the operations of " + user + " are for him and admins; kadeploy history shows yours"}
		}
		user = by
	}
	q := store.Query{User: user, Kind: m.GetKind(), Node: m.GetNode(), Since: timeIn(m.GetSince()), Until: timeIn(m.GetUntil()),
		Before: m.GetBefore(), Limit: int(m.GetLimit())}
	for _, o := range m.GetOutcomes() {
		q.Outcomes = append(q.Outcomes, o.String())
	}
	if q.Node != "" {
		var err error
		if q.Underway, err = r.underway(ctx, q.Node); err != nil {
			return nil, err
		}
	}
	found, err := r.archive.History(ctx, q)
	if err != nil {
		return nil, err
	}
	answer := &message.History{ClientId: m.GetClientId()}
	for _, o := range found {
		answer.Operations = append(answer.Operations, pastOperation(o))
	}
	return answer, nil
}

// underway are the operations without an end that a node is in. One that ends meanwhile has its results by then.
func (r reading) underway(ctx context.Context, node string) (ids []string, err error) {
	unended, err := r.archive.Unended(ctx)
	for _, o := range unended {
		asked := &message.Submit{}
		if err := proto.Unmarshal(o.Request, asked); err != nil {
			return nil, fmt.Errorf("request of operation %s: %w", o.ID, err)
		}
		if slices.Contains(asked.GetNodes(), node) {
			ids = append(ids, o.ID)
		}
	}
	return ids, err
}

func pastOperation(o store.Operation) *message.PastOperation {
	p := &message.PastOperation{
		Id: o.ID, Kind: o.Kind, User: o.User, Environment: o.Environment, Since: timestamppb.New(o.Since),
		Total: uint32(o.Total), MinNodes: uint32(o.MinNodes), Resumed: uint32(o.Resumed),
	}
	if o.Until.IsZero() {
		p.Took = durationpb.New(max(time.Since(o.Since), 0))
	} else {
		p.Until, p.Outcome, p.Text = timestamppb.New(o.Until), message.Outcome(message.Outcome_value[o.Outcome]), line(o.Text)
		p.Ok, p.Ko = uint32(o.OK), uint32(o.KO)
	}
	return p
}

// timeOut is a time for a message; the zero time is none.
func timeOut(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// timeIn is a time of a message; none is the zero time.
func timeIn(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

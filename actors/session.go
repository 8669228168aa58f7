package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/supervisor"
)

// maxCredit bounds the events under way to one client, whatever it asks for.
const maxCredit = 1024

// session gives one client the events of one operation, as many as it has credit for. It holds no event: it asks the journal
// for the next ones when it may send them, so a stopped client costs a few bytes.
type session struct {
	client       *actor.PID
	by           string
	ledger       *ledger
	subscription *message.Subscribe
	next         uint64
	credit       int
	reading      bool
	answered     bool // the subscription: the client learns that the server lives, also when there is nothing to say
}

func (s *session) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		ctx.Watch(s.client)
		s.move(ctx, s.subscription)
	case *actor.Stopping:
		ctx.Send(local(ctx.ActorSystem(), journalName), stopReading{ctx.Self()})
	case *message.Subscribe:
		s.move(ctx, m)
	case *message.Credit:
		s.credit = min(s.credit+int(min(m.GetMore(), maxCredit)), maxCredit)
		s.read(ctx)
	case eventsRead:
		s.deliver(ctx, m)
	case *actor.Terminated: // the client's process or its link is gone; it subscribes again if it lives
		if m.Who.Equal(s.client) { // nobody else's end is believed
			supervisor.Done(ctx)
		}
	}
}

// move starts to give events from a number on.
func (s *session) move(ctx actor.Context, m *message.Subscribe) {
	s.answered = false
	s.subscription = m
	s.next, s.credit = max(m.GetFrom(), 1), int(min(max(m.GetCredit(), 1), maxCredit))
	s.reading = false
	s.read(ctx)
}

func (s *session) read(ctx actor.Context) {
	if s.reading || s.credit == 0 {
		return
	}
	s.reading = true
	ctx.Send(local(ctx.ActorSystem(), journalName), readEvents{s.subscription.GetId(), s.next, s.credit, ctx.Self()})
}

func (s *session) deliver(ctx actor.Context, m eventsRead) {
	s.reading = m.parked
	if m.unknown {
		ctx.Send(s.client, &message.Refused{
			Code: message.Refusal_UNKNOWN_ID, ClientId: s.subscription.GetClientId(),
			Text: "the server knows no operation " + m.id + " (see kadeploy status and kadeploy history)",
		})
		supervisor.Done(ctx)
		return
	}
	if !s.ledger.owns(s.by, m.owner) { // asked each time: an admin may be one no more
		ctx.Send(s.client, &message.Refused{Code: message.Refusal_FORBIDDEN, ClientId: s.subscription.GetClientId(), Text: notYours(m.id, m.owner)})
		supervisor.Done(ctx)
		return
	}
	if !s.answered {
		s.answered = true
		ctx.Send(s.client, &message.Accepted{Id: m.id, ClientId: s.subscription.GetClientId()})
	}
	over := false
	for _, e := range m.events {
		if e.GetSeq() != s.next { // an answer to where the session was before it moved
			break
		}
		s.next++
		s.credit--
		over = over || e.GetEnded() != nil
		ctx.Send(s.client, &message.Event{Id: e.Id, Seq: e.Seq, Time: e.Time, Fact: e.Fact, ClientId: s.subscription.GetClientId()})
	}
	if !over { // after the end the client unsubscribes, or asks again for what it lost
		s.read(ctx)
	}
}

package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/supervisor"
)

// The journal keeps the newest operations that have ended: so many, and of so many events in all, some hundred bytes each.
const (
	remembered       = 200
	rememberedEvents = 500_000
)

// record is what the journal knows. It belongs to the tree, not to an incarnation of the actor, so that a restart of the
// journal loses nothing; only the journal's goroutine touches it.
type record struct {
	operations map[string]*operationLog
	ended      []string // oldest first
	events     int      // of all of them
}

type operationLog struct {
	owner  string // "": nobody knows; for admins only
	events []*message.Event
	ended  bool
	parked map[string]readEvents // readers that have read all there is, by PID
}

func newRecord() *record { return &record{operations: make(map[string]*operationLog)} }

// journal numbers the facts of the operations and gives them to readers, who ask for as many as they can take.
type journal struct{ record *record }

func (j *journal) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		if len(j.record.operations) > 0 { // it is not the first incarnation
			ctx.Send(local(ctx.ActorSystem(), deploymentsName), journalStarted{})
		}
		supervisor.Ready(ctx)
	case openLog:
		j.log(m.id).owner = m.owner
	case appendFact:
		j.append(ctx, m)
	case readEvents:
		j.read(ctx, m)
	case stopReading:
		for _, l := range j.record.operations {
			delete(l.parked, m.reader.String())
		}
	case endOrphans:
		j.endOrphans(ctx, m)
	}
}

// log returns the operation's log; it makes one for a new id.
func (j *journal) log(id string) *operationLog {
	l := j.record.operations[id]
	if l == nil {
		l = &operationLog{parked: make(map[string]readEvents)}
		j.record.operations[id] = l
	}
	return l
}

func (j *journal) append(ctx actor.Context, m appendFact) {
	l := j.log(m.id)
	if l.ended {
		return
	}
	e := m.fact
	e.Id, e.Seq, e.Time = m.id, uint64(len(l.events)+1), timestamppb.New(time.Now())
	l.events = append(l.events, e)
	if e.GetEnded() != nil {
		l.ended = true
		j.record.retire(m.id, len(l.events))
	}
	waiting := l.parked
	l.parked = make(map[string]readEvents)
	for _, r := range waiting {
		j.read(ctx, r)
	}
}

func (j *journal) read(ctx actor.Context, m readEvents) {
	l := j.record.operations[m.id]
	if l == nil {
		ctx.Send(m.reader, eventsRead{id: m.id, unknown: true})
		return
	}
	if m.from > uint64(len(l.events)) {
		l.parked[m.reader.String()] = m
		ctx.Send(m.reader, eventsRead{id: m.id, owner: l.owner, parked: true})
		return
	}
	from := int(max(m.from, 1)) - 1
	to := min(len(l.events), from+max(m.max, 1))
	ctx.Send(m.reader, eventsRead{id: m.id, owner: l.owner, events: l.events[from:to:to]})
}

func (j *journal) endOrphans(ctx actor.Context, m endOrphans) {
	for id, l := range j.record.operations {
		if !l.ended {
			j.append(ctx, appendFact{id, &message.Event{Fact: &message.Event_Ended{
				Ended: &message.Ended{Outcome: message.Outcome_FAILED, Text: m.text},
			}}})
		}
	}
}

func (r *record) retire(id string, events int) {
	r.ended = append(r.ended, id)
	r.events += events
	for len(r.ended) > remembered || r.events > rememberedEvents && len(r.ended) > 1 {
		r.events -= len(r.operations[r.ended[0]].events)
		delete(r.operations, r.ended[0])
		r.ended = r.ended[1:]
	}
}

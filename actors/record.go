package actors

import (
	"maps"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/store"
)

// The journal keeps the newest operations that have ended at hand: so many, and of so many events in all, some hundred bytes each.
const (
	remembered       = 200
	rememberedEvents = 500_000
)

// record is what the journal knows. It belongs to the tree, not to an incarnation of the actor, so that a restart of the
// journal loses nothing; only the journal's goroutine touches it.
type record struct {
	store      Store // nil: what is known ends with the process
	operations map[string]*operationLog
	ended      []string // oldest first
	events     int      // of all of them
	begun      bool     // by an incarnation

	pending, flying *leaf // to be written, and being written (nil: nothing is)
}

type operationLog struct {
	owner     string // "": nobody knows; for admins only
	events    []*message.Event
	written   int // so many of them are durable: readers get no others
	ended     bool
	parked    map[reader]readEvents // that have read all there is
	chronicle *chronicle
}

// reader is whose question it is.
type reader struct{ address, id string }

func readerOf(pid *actor.PID) reader { return reader{pid.GetAddress(), pid.GetId()} }

// leaf is what is written at once, and who is told then.
type leaf struct {
	store.Batch
	opened []string          // operations
	told   []func()          // who waits for a fact of it, or for the database to be still this server's
	upTo   map[string]uint64 // by operation: the last of its events
}

func newLeaf() *leaf { return &leaf{upTo: make(map[string]uint64)} }

func (l *leaf) empty() bool {
	return len(l.Events) == 0 && len(l.Begin) == 0 && len(l.Resumed) == 0 && len(l.Nodes) == 0 && len(l.Disks) == 0 && len(l.Ends) == 0 && len(l.told) == 0
}

func newRecord(m *Memory) *record {
	r := &record{operations: make(map[string]*operationLog), pending: newLeaf()}
	if m == nil {
		return r
	}
	r.store = m.store
	for _, f := range m.found {
		l := r.log(f.ID)
		l.owner, l.events, l.written = f.User, f.events, len(f.events)
		for _, e := range f.events {
			l.chronicle.see(e)
		}
	}
	return r
}

// log returns the operation's log; it makes one for a new id.
func (r *record) log(id string) *operationLog {
	l := r.operations[id]
	if l == nil {
		l = &operationLog{parked: make(map[reader]readEvents), chronicle: newChronicle()}
		r.operations[id] = l
	}
	return l
}

// append gives a fact its number and puts it down to be written. It says false for one of an operation that has ended.
func (r *record) append(m appendFact) bool {
	l := r.operations[m.id]
	if l == nil && r.store != nil { // late words of one that ended long ago
		return false
	}
	if l = r.log(m.id); l.ended {
		return false
	}
	e := m.fact
	e.Id, e.Seq, e.Time = m.id, uint64(len(l.events)+1), timestamppb.New(time.Now())
	l.events = append(l.events, e)
	l.ended = e.GetEnded() != nil
	if r.store == nil {
		r.wrote(m.id, e.GetSeq())
		if m.written != nil {
			m.written()
		}
		return true
	}
	row, err := stored(e)
	if err != nil {
		panic(err) // a message that we made ourselves
	}
	p := r.pending
	p.Events, p.upTo[m.id] = append(p.Events, row), e.GetSeq()
	if m.written != nil {
		p.told = append(p.told, m.written)
	}
	steps, results := l.chronicle.see(e)
	p.Steps, p.Results, p.Nodes = append(p.Steps, steps...), append(p.Results, results...), append(p.Nodes, m.nodes...)
	if ended := e.GetEnded(); ended != nil {
		ok, ko := count(ended)
		p.Ends = append(p.Ends, store.End{
			Operation: m.id, Outcome: ended.GetOutcome().String(), Text: ended.GetText(), OK: ok, KO: ko, Until: e.GetTime().AsTime()})
	}
	return true
}

// wrote makes the events of an operation up to a number known.
func (r *record) wrote(id string, upTo uint64) {
	l := r.operations[id]
	if l == nil {
		return
	}
	l.written = max(l.written, int(upTo))
	if l.ended && l.written == len(l.events) {
		r.retire(id, len(l.events))
	}
}

// ready says whether there is something to write, and nothing is being written.
func (r *record) ready() bool { return r.flying == nil && !r.pending.empty() }

// fly takes what is to be written now; nil when it is not ready.
func (r *record) fly() *leaf {
	if !r.ready() {
		return nil
	}
	r.flying, r.pending = r.pending, newLeaf()
	return r.flying
}

// landed makes what was being written known, and returns it.
func (r *record) landed() *leaf {
	l := r.flying
	r.flying = nil
	for id, upTo := range l.upTo {
		r.wrote(id, upTo)
	}
	for _, tell := range l.told {
		tell()
	}
	return l
}

// back puts what was not written before what has come since.
func (r *record) back() {
	f, p := r.flying, r.pending
	if f == nil {
		return
	}
	r.flying, r.pending = nil, f
	f.Begin, f.Resumed = append(f.Begin, p.Begin...), append(f.Resumed, p.Resumed...)
	f.Events, f.Steps, f.Results = append(f.Events, p.Events...), append(f.Steps, p.Steps...), append(f.Results, p.Results...)
	f.Nodes, f.Disks, f.Ends = append(f.Nodes, p.Nodes...), append(f.Disks, p.Disks...), append(f.Ends, p.Ends...)
	f.opened, f.told = append(f.opened, p.opened...), append(f.told, p.told...)
	maps.Copy(f.upTo, p.upTo)
}

// renounce ends the operations that were to begin and could not be written, and returns them: they are not accepted. Whether they were
// written after all is not known; so they are, later, with their ends.
func (r *record) renounce(why string) []string {
	var gone []string
	for _, o := range r.pending.Begin {
		if slices.Contains(r.pending.opened, o.ID) {
			gone = append(gone, o.ID)
		}
	}
	for _, id := range gone {
		r.pending.opened = slices.DeleteFunc(r.pending.opened, func(o string) bool { return o == id })
		r.append(appendFact{id: id, fact: &message.Event{Fact: &message.Event_Ended{
			Ended: &message.Ended{Outcome: message.Outcome_FAILED, Text: why}}}})
	}
	return gone
}

// retire forgets the operations that ended longest ago. The store still has them.
func (r *record) retire(id string, events int) {
	r.ended = append(r.ended, id)
	r.events += events
	for len(r.ended) > remembered || r.events > rememberedEvents && len(r.ended) > 1 {
		r.events -= len(r.operations[r.ended[0]].events)
		delete(r.operations, r.ended[0])
		r.ended = r.ended[1:]
	}
}

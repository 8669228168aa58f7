package actors

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/store"
	"github.com/kadeploy/kadeploy/supervisor"
)

// journal numbers the facts of the operations, has them written, and gives them to readers, who ask for as many as they can take. What
// is not written yet nobody hears of. While something is being written the next facts gather: they are written together.
type journal struct {
	record *record
	log    *slog.Logger
	tasks  supervisor.Tasks
	timers supervisor.Timers
	loads  map[uint64]readEvents // of operations that are being read from the store, by task
	held   bool                  // the next write waits: for others that go with it, or because the last one failed
	flew   time.Time             // when the last write began
	ill    string                // why, as the log has it
	since  time.Time             // when the first try began to write what is not written yet; zero: nothing waits
}

const (
	gather      = 10 * time.Millisecond // from the beginning of a write to that of the next: a thousand nodes share a hundred writes in a second
	writeAgain  = time.Second           // after a write that failed
	lastWrite   = 5 * time.Second       // when the server stops
	loadTimeout = 10 * time.Second
)

// release is the time to write what was held.
type release struct{}

func newJournal(r *record, log *slog.Logger) *journal {
	return &journal{record: r, log: log, loads: make(map[uint64]readEvents)}
}

func (j *journal) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		j.record.back() // what another incarnation was writing
		if j.record.begun {
			ctx.Send(local(ctx.ActorSystem(), deploymentsName), journalStarted{})
		}
		j.record.begun = true
		for id := range j.record.operations { // the one before may have written what it told nobody any more
			j.serve(ctx, id)
		}
		j.lookAtReign(ctx)
		supervisor.Ready(ctx)
	case *actor.Restarting:
		j.tasks.CancelAll()
		j.timers.StopAll()
	case *actor.Stopping:
		j.stop()
	case openLog:
		j.open(ctx, m)
	case appendFact:
		j.append(ctx, m)
	case keepDisks:
		if j.record.store != nil {
			j.record.pending.Disks = append(j.record.pending.Disks, m.disks)
			j.write(ctx)
		}
	case readEvents:
		j.read(ctx, m)
	case stopReading:
		for _, l := range j.record.operations {
			delete(l.parked, readerOf(m.reader))
		}
	case endOrphans:
		j.endOrphans(ctx, m)
	case confirmReign:
		j.confirm(ctx, m)
	case supervisor.TaskDone:
		if j.tasks.Accept(m) {
			j.done(ctx, m)
		}
	case supervisor.Elapsed:
		switch what, _ := j.timers.Accept(m); what.(type) {
		case release:
			j.held = false
			j.write(ctx)
		case lookAtReign:
			j.lookAtReign(ctx)
		}
	}
}

// open puts an operation down. Whoever sent it is told when that is durable, or cannot be done.
func (j *journal) open(ctx actor.Context, m openLog) {
	r := j.record
	r.log(m.operation.ID).owner = m.operation.User
	if r.store == nil {
		ctx.Send(local(ctx.ActorSystem(), deploymentsName), logOpened{id: m.operation.ID})
		return
	}
	r.pending.opened = append(r.pending.opened, m.operation.ID)
	if m.resumed {
		r.pending.Resumed = append(r.pending.Resumed, store.Resume{Operation: m.operation.ID, Times: m.operation.Resumed})
	} else {
		r.pending.Begin = append(r.pending.Begin, m.operation)
	}
	j.write(ctx)
}

func (j *journal) append(ctx actor.Context, m appendFact) {
	if !j.record.append(m) {
		return
	}
	if j.record.store == nil {
		j.serve(ctx, m.id)
		return
	}
	j.write(ctx)
}

// write begins to write what is there, if nothing is being written; not at once where the last write began just now.
func (j *journal) write(ctx actor.Context) {
	if j.held || j.record.store == nil || !j.record.ready() {
		return
	}
	if early := gather - time.Since(j.flew); early > 0 {
		j.hold(ctx, early)
		return
	}
	j.flew = time.Now()
	if j.since.IsZero() {
		j.since = j.flew
	}
	s, batch := j.record.store, j.record.fly().Batch // as it is now: the leaf may grow when this incarnation ends (record.back)
	j.tasks.Start(ctx, "write", func(ctx context.Context) any { return s.Write(ctx, batch) })
}

func (j *journal) done(ctx actor.Context, m supervisor.TaskDone) {
	err, _ := m.Value.(error)
	if m.Panic != nil {
		err = m.Panic
	}
	if asked, loading := j.loads[m.Op]; loading {
		delete(j.loads, m.Op)
		l, _ := m.Value.(*operationLog)
		j.loaded(ctx, asked, l, err)
		return
	}
	if err != nil {
		j.unwritten(ctx, err)
		return
	}
	j.recovered()
	leaf := j.record.landed()
	for _, id := range leaf.opened {
		ctx.Send(local(ctx.ActorSystem(), deploymentsName), logOpened{id: id})
	}
	for id := range leaf.upTo {
		j.serve(ctx, id)
	}
	j.write(ctx)
}

// unwritten keeps what could not be written and tries again in a while. What was to begin does not: nobody has heard of it.
func (j *journal) unwritten(ctx actor.Context, err error) {
	if errors.Is(err, store.ErrFenced) { // it would fail for ever: its supervisors end this server, which touches no machine any more
		j.record.back()
		panic(&fencedError{err})
	}
	if j.ill != err.Error() {
		j.ill = err.Error()
		j.log.Error("the journal cannot be written; what happens is kept and written later; until then no request is accepted, and no node begins a step that acts", "reason", err)
	}
	j.record.back()
	for _, id := range j.record.renounce("refused: it could not be written down, and nothing was done") {
		ctx.Send(local(ctx.ActorSystem(), deploymentsName), logOpened{id: id, err: err})
	}
	j.hold(ctx, writeAgain)
}

// hold lets nothing be written for a while.
func (j *journal) hold(ctx actor.Context, d time.Duration) {
	j.held = true
	j.timers.After(ctx, d, release{})
}

// fencedError ends who writes when the database is another server's.
type fencedError struct{ error }

// Expected marks it as a failure by plan, for the supervisor.
func (*fencedError) Expected() {}

// stop writes what is left. Nobody is told: at the end of the server nobody listens, and the next incarnation does it.
func (j *journal) stop() {
	j.tasks.CancelAll()
	j.timers.StopAll()
	j.record.back()
	leaf := j.record.fly()
	if leaf == nil || j.record.store == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastWrite)
	defer cancel()
	if err := j.record.store.Write(ctx, leaf.Batch); err != nil {
		j.record.back()
		j.log.Error("the end of the journal is not written", "events", len(leaf.Events), "reason", err)
		return
	}
	j.record.landed()
}

func (j *journal) endOrphans(ctx actor.Context, m endOrphans) {
	if j.record.store != nil {
		j.record.pending.Nodes = append(j.record.pending.Nodes, m.nodes...)
	}
	for id, l := range j.record.operations {
		if !l.ended && !m.but[id] {
			j.append(ctx, appendFact{id: id, fact: &message.Event{Fact: &message.Event_Ended{
				Ended: &message.Ended{Outcome: message.Outcome_FAILED, Text: m.text},
			}}})
		}
	}
}

package actors

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Whose the database is, each write says: a server that another one has followed without its knowledge ends at its next one, and orders nothing
// that is not written before.

// confirmReign returns when a write has said that the database is still this server's. It is for orders that are given long after their
// event was written.
func (j *job) confirmReign(ctx context.Context, system *actor.ActorSystem) error {
	if !j.recorded {
		return nil
	}
	_, err := ask(ctx, system, journalName, func(reply chan<- struct{}) any {
		return confirmReign{func() { reply <- struct{}{} }}
	})
	return err
}

// confirmReign is the same for a power command, which may have waited long for its turn. It ends with its asker, too.
func (m powerRequest) confirmReign(ctx context.Context, system *actor.ActorSystem) error {
	if m.job == nil { // it only asks for a state
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(m.ctx, func() { cancel(context.Cause(m.ctx)) })()
	if m.job.confirmReign(ctx, system) != nil {
		return context.Cause(ctx)
	}
	return nil
}

// confirm answers with the next write, if only of nothing.
func (j *journal) confirm(ctx actor.Context, m confirmReign) {
	if j.record.store == nil {
		m.confirmed()
		return
	}
	j.record.pending.told = append(j.record.pending.told, m.confirmed)
	j.write(ctx)
}

// reignAgain is how often a server that has nothing to write looks whether the database is still its own, answers, and has room.
const reignAgain = 5 * time.Second

// lookAtReign is the time to do so.
type lookAtReign struct{}

// lookAtReign has something written, and comes again. Each incarnation begins with it, so that a server that was followed ends at once.
func (j *journal) lookAtReign(ctx actor.Context) {
	if j.record.store == nil {
		return
	}
	if j.record.flying == nil && j.record.pending.empty() {
		j.record.pending.told = append(j.record.pending.told, func() {})
	}
	j.write(ctx)
	j.timers.After(ctx, reignAgain, lookAtReign{})
}

// worthTelling is how long a database must have been in trouble for those who watch to be told.
const worthTelling = 2 * time.Second

// recovered notes in each operation for how long nothing could be written.
func (j *journal) recovered() {
	if j.ill != "" {
		j.log.Info("the journal is written again")
	}
	if late := time.Since(j.since); late > worthTelling {
		why := cmp.Or(j.ill, "it was slow")
		text := line(fmt.Sprintf("for %s nothing could be written down, and no node began a step that acts: %s", late.Round(time.Second), why))
		for id, l := range j.record.operations {
			if !l.ended {
				j.record.append(appendFact{id: id, fact: noteEvent(text)})
			}
		}
	}
	j.ill, j.since = "", time.Time{}
}

package actors

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/rights"
	"github.com/kadeploy/kadeploy/internal/store"
)

// change is one request to change the book.
type change struct {
	by       string
	clientID string
	sender   *actor.PID

	apply  func(next *rights.Book, now time.Time) ([]rights.Loss, error)
	why    func(rights.Loss) string // of the end of operations
	gone   bool                     // the user is: whatever else covers him
	answer func(b *rights.Book, lost []rights.Loss) (proto.Message, error)
}

// outcome is what became of a change.
type outcome struct {
	answer proto.Message
	err    error
}

// carriedOut is what became of a batch of changes.
type carriedOut struct {
	outcomes  []outcome
	unwritten error // why the book could not be written down
}

// unavailableError is a change that was right, but could not be carried out.
type unavailableError struct{ error }

func (e *unavailableError) Unwrap() error { return e.error }

// reply words an outcome for the client.
func (c *change) reply(o outcome) proto.Message {
	if o.err == nil {
		return o.answer
	}
	no := &message.Refused{Code: message.Refusal_INVALID, Text: line(o.err.Error()), ClientId: c.clientID}
	var held *rights.HeldError
	var unavailable *unavailableError
	switch {
	case errors.As(o.err, &held):
		no.Code = message.Refusal_BUSY
	case errors.As(o.err, &unavailable):
		no.Code = message.Refusal_UNAVAILABLE
	case errors.Is(o.err, errNoUser):
		no.Code = message.Refusal_UNKNOWN_ID
	}
	return no
}

// unwritten is the refusal of a change that could not be written down. Whether it is in the database, nobody knows.
func (c *change) unwritten(why error) error {
	if c.gone { // the door was shut first
		return &unavailableError{fmt.Errorf("the user is shut out already, but the rest could not be written down; say user del again: %w", why)}
	}
	return &unavailableError{fmt.Errorf("it could not be written down, and is not in force: %w", why)}
}

// carryOut takes away what is over and carries out a batch of changes. It runs in a task; one whose actor crashed meanwhile ends its work all
// the same, and the next waits for it. An empty batch makes sure that the book in force is the one that is kept.
func (l *ledger) carryOut(batch []*change, tell func(endOperations), log *slog.Logger) carriedOut {
	l.changing.Lock()
	defer l.changing.Unlock()
	now := time.Now()
	book := l.book.Load().Clone()
	over := book.Expire(now)
	l.book.Store(book) // what is over is over, whether or not it can be written down
	for _, lost := range over {
		tell(endOperations{lost: lost, why: fmt.Sprintf("the right of %s to %s is over", who(lost.User), folded(lost.Nodes))})
	}

	done := l.change(batch, len(over) > 0, tell, log)
	if !errors.Is(done.unwritten, store.ErrFull) || len(batch) == 1 {
		return done
	}
	for i := range batch { // one by one: what only takes away needs no room, and is not refused because of what gives
		one := l.change(batch[i:i+1], false, tell, log)
		done.outcomes[i], done.unwritten = one.outcomes[0], one.unwritten
		if one.unwritten != nil && !errors.Is(one.unwritten, store.ErrFull) {
			break
		}
	}
	return done
}

// change applies changes to the book in force, writes the next one down if it is another, puts it in force, and tells who lost what.
func (l *ledger) change(batch []*change, changed bool, tell func(endOperations), log *slog.Logger) carriedOut {
	now, book := time.Now(), l.book.Load()
	outcomes := make([]outcome, len(batch))
	losses := make([][]rights.Loss, len(batch))
	changed = changed || l.unsure.Load()
	for i, c := range batch {
		next := book.Clone()
		next.Appoint(l.appointed())
		losses[i], outcomes[i].err = c.apply(next, now)
		next.Appoint(nil) // who is one by configuration is so no longer than that says it
		if outcomes[i].err == nil {
			book, changed = next, true
		}
	}
	if changed {
		if err := l.keep(book); err != nil {
			log.Error("users and rights stay as they were", "reason", err)
			for i, c := range batch {
				if outcomes[i].err == nil {
					outcomes[i].err = c.unwritten(err)
				}
			}
			return carriedOut{outcomes, err}
		}
	}
	l.book.Store(book)
	for i, c := range batch {
		if outcomes[i].err == nil {
			for _, lost := range losses[i] {
				tell(endOperations{lost: lost, gone: c.gone, why: c.why(lost)})
			}
			outcomes[i].answer, outcomes[i].err = c.answer(book, losses[i])
		}
	}
	return carriedOut{outcomes: outcomes}
}

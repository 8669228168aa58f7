package actors

import (
	"context"
	"errors"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/internal/store"
)

// serve gives readers that wait what is new.
func (j *journal) serve(ctx actor.Context, id string) {
	l := j.record.operations[id]
	if l == nil {
		return
	}
	waiting := l.parked
	l.parked = make(map[reader]readEvents)
	for _, r := range waiting {
		j.read(ctx, r)
	}
}

func (j *journal) read(ctx actor.Context, m readEvents) {
	l := j.record.operations[m.id]
	if l == nil {
		j.load(ctx, m)
		return
	}
	if m.from > uint64(l.written) {
		l.parked[readerOf(m.reader)] = m
		ctx.Send(m.reader, eventsRead{id: m.id, owner: l.owner, parked: true})
		return
	}
	from := int(max(m.from, 1)) - 1
	to := min(l.written, from+max(m.max, 1))
	ctx.Send(m.reader, eventsRead{id: m.id, owner: l.owner, events: l.events[from:to:to]})
}

// load looks for an operation of old in the store.
func (j *journal) load(ctx actor.Context, m readEvents) {
	s := j.record.store
	if s == nil {
		ctx.Send(m.reader, eventsRead{id: m.id, unknown: true})
		return
	}
	j.loads[j.tasks.Start(ctx, "load", func(ctx context.Context) any {
		ctx, cancel := context.WithTimeout(ctx, loadTimeout)
		defer cancel()
		o, err := s.Operation(ctx, m.id)
		if err != nil {
			return err
		}
		events, err := eventsOf(ctx, s, m.id)
		if err != nil {
			return err
		}
		return &operationLog{owner: o.User, events: events, written: len(events), ended: true, parked: make(map[reader]readEvents)}
	})] = m
}

// loaded gives the reader of an old operation its events, or says that there is none.
func (j *journal) loaded(ctx actor.Context, m readEvents, l *operationLog, err error) {
	if err != nil {
		if !errors.Is(err, store.ErrUnknown) {
			j.log.Error("an operation cannot be read", "id", m.id, "reason", err)
		}
		ctx.Send(m.reader, eventsRead{id: m.id, unknown: true})
		return
	}
	if j.record.operations[m.id] == nil {
		j.record.operations[m.id] = l
		j.record.retire(m.id, len(l.events))
	}
	j.read(ctx, m)
}

package actors

import (
	"context"
	"errors"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/catalogue"
	"github.com/kadeploy/kadeploy/supervisor"
)

// cataloguer answers what clients ask about environments, and is the only one that changes the catalogue. What needs disks is
// done in tasks; several requests may be under way at once, for an image may take long to read.
type cataloguer struct {
	shelf    *shelf
	examiner examiner
	ledger   *ledger
	log      *slog.Logger
	tasks    supervisor.Tasks
	working  map[uint64]envWork
	answers  map[answerKey]proto.Message // a repeated request is answered as the first time
	asked    []answerKey                 // oldest first
}

// envWork is a request that is being carried out.
type envWork struct {
	key    answerKey
	sender *actor.PID
}

// Bounds of what is under way, and of what is remembered of it.
const (
	maxEnvWork    = 32
	maxUserWork   = 4 // of one user
	maxEnvAnswers = 200
)

func newCataloguer(s *shelf, x examiner, l *ledger, log *slog.Logger) *cataloguer {
	return &cataloguer{shelf: s, examiner: x, ledger: l, log: log, working: make(map[uint64]envWork), answers: make(map[answerKey]proto.Message)}
}

func (c *cataloguer) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		if err := c.shelf.open(); err != nil {
			supervisor.StartFailed(ctx, err)
			return
		}
		supervisor.Ready(ctx)
	case *actor.Stopping, *actor.Restarting:
		c.tasks.CancelAll()
	case asked:
		c.request(ctx, m)
	case supervisor.TaskDone:
		if c.tasks.Accept(m) {
			c.done(ctx, m)
		}
	}
}

func (c *cataloguer) request(ctx actor.Context, m asked) {
	clientID := m.request.GetClientId()
	if c.shelf.store == nil {
		refuse(ctx, clientID, message.Refusal_INVALID, errNoCatalogue.Error())
		return
	}
	by := catalogue.Asker{User: m.by, Admin: c.ledger.admin(m.by)}
	switch r := m.request.(type) {
	case *message.EnvList:
		ctx.Respond(answered(clientID)(c.list(by, r)))
	case *message.EnvShow:
		ctx.Respond(answered(clientID)(c.show(by, r)))
	case *message.EnvAdd:
		c.begin(ctx, m, func(ctx context.Context) (proto.Message, error) { return c.add(ctx, by, r) })
	case *message.EnvRemove:
		c.begin(ctx, m, func(ctx context.Context) (proto.Message, error) { return c.remove(ctx, by, r) })
	case *message.EnvVerify:
		c.begin(ctx, m, func(ctx context.Context) (proto.Message, error) { return c.verify(ctx, by, r) })
	case *message.EnvUpdate:
		c.begin(ctx, m, func(ctx context.Context) (proto.Message, error) { return c.update(ctx, by, r) })
	case *message.EnvSet:
		c.begin(ctx, m, func(ctx context.Context) (proto.Message, error) { return c.set(ctx, by, r) })
	case *message.EnvMove:
		c.begin(ctx, m, func(ctx context.Context) (proto.Message, error) { return c.move(ctx, by, r) })
	}
}

// begin carries a request out in a task, and drops one that is under way already: clients repeat what is not answered.
func (c *cataloguer) begin(ctx actor.Context, m asked, do func(context.Context) (proto.Message, error)) {
	key := answerKey{m.by, m.request.GetClientId()}
	if answer := c.answers[key]; answer != nil {
		ctx.Respond(answer)
		return
	}
	his := 0
	for _, w := range c.working {
		if w.key == key {
			return
		}
		if w.key.user == key.user {
			his++
		}
	}
	if len(c.working) >= maxEnvWork || his >= maxUserWork {
		refuse(ctx, key.clientID, message.Refusal_UNAVAILABLE, "too many environments are being checked; try again later")
		return
	}
	op := c.tasks.Start(ctx, "environment", func(ctx context.Context) any { return answered(key.clientID)(do(ctx)) })
	c.working[op] = envWork{key, ctx.Sender()}
}

func (c *cataloguer) done(ctx actor.Context, m supervisor.TaskDone) {
	w := c.working[m.Op]
	delete(c.working, m.Op)
	answer, ok := m.Value.(proto.Message)
	if !ok {
		c.log.Error("bug while an environment was checked", "reason", m.Panic, "stack", string(m.Panic.Stack))
		answer = answered(w.key.clientID)(nil, &unavailableError{errors.New("internal error: see the server's log")})
	}
	c.answers[w.key] = answer
	if c.asked = append(c.asked, w.key); len(c.asked) > maxEnvAnswers {
		delete(c.answers, c.asked[0])
		c.asked = c.asked[1:]
	}
	if w.sender != nil {
		ctx.Send(w.sender, answer)
	}
}

// answered makes an answer of a result: an error becomes a refusal.
func answered(clientID string) func(proto.Message, error) proto.Message {
	return func(m proto.Message, err error) proto.Message {
		if err == nil {
			return m
		}
		no := &message.Refused{Code: message.Refusal_INVALID, Text: line(err.Error()), ClientId: clientID}
		var needs *needsFilesError
		var forbidden *catalogue.ForbiddenError
		var unknown *catalogue.UnknownError
		var unavailable *unavailableError
		switch {
		case errors.As(err, &needs):
			no.Code, no.Files = message.Refusal_NEEDS_FILES, needs.files
		case errors.As(err, &forbidden):
			no.Code = message.Refusal_FORBIDDEN
		case errors.As(err, &unknown):
			no.Code = message.Refusal_UNKNOWN_ID
		case errors.As(err, &unavailable), errors.Is(err, context.Canceled), errors.Is(err, catalogue.ErrOutdated):
			no.Code = message.Refusal_UNAVAILABLE
		}
		return no
	}
}

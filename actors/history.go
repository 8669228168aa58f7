package actors

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/store"
	"github.com/kadeploy/kadeploy/supervisor"
)

// Archive is what the history is read from, and where it is forgotten: a *store.Store.
type Archive interface {
	History(context.Context, store.Query) ([]store.Operation, error)
	Operation(ctx context.Context, id string) (store.Operation, error)
	Unended(context.Context) ([]store.Operation, error)
	Events(ctx context.Context, id string, from uint64, limit int) ([]store.Event, error)
	NodesOf(ctx context.Context, id, after string, limit int) ([]string, error)
	StepsOf(ctx context.Context, id string, nodes store.Span, limit int) ([]store.Step, error)
	ResultsOf(ctx context.Context, id string, nodes store.Span, limit int) ([]store.Result, error)
	StepTimes(ctx context.Context, kind string, since, until time.Time) ([]store.StepTimes, error)
	NodeRates(ctx context.Context, kind string, since, until time.Time) ([]store.NodeRate, error)
	Causes(ctx context.Context, kind string, since, until time.Time) ([]store.Cause, error)
	Size(context.Context) (int64, error)
	Prune(ctx context.Context, before time.Time, keep func(store.Operation) bool) (removed int, err error)
	PruneStatistics(ctx context.Context, before time.Time) error
}

// history answers what clients ask about the past, and has the database forget what is too old. It only keeps order among the
// questions: each is answered in a task, so that a slow one makes nobody wait but who asks more than his share.
type history struct {
	archive Archive // nil: this server keeps no history
	ledger  *ledger
	inForce *snapshot
	every   time.Duration // from the end of one pruning to the next
	log     *slog.Logger
	tasks   supervisor.Tasks
	timers  supervisor.Timers
	waiting []*question // in the order of their coming
	asking  map[uint64]*question
	pruning uint64 // a task
}

// Bounds of the questions at once. Each takes at most three of the ten connections for reading, so that one stays free for the journal.
const (
	maxAsking       = 3
	maxAskingOfOne  = 2 // user
	maxWaiting      = 200
	maxWaitingOfOne = 10
)

// pruneEvery is how often the database forgets.
const pruneEvery = 6 * time.Hour

// pruneNow is the time to forget.
type pruneNow struct{}

// question is one that was asked.
type question struct {
	by     string
	asked  request
	sender *actor.PID
}

func newHistory(m *Memory, l *ledger, inForce *snapshot, log *slog.Logger) *history {
	h := &history{ledger: l, inForce: inForce, every: pruneEvery, log: log, asking: make(map[uint64]*question)}
	if m != nil {
		h.archive = m.store
	}
	return h
}

func (h *history) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		h.prune(ctx)
		supervisor.Ready(ctx)
	case *actor.Stopping, *actor.Restarting:
		h.tasks.CancelAll()
		h.timers.StopAll()
	case asked:
		h.ask(ctx, &question{m.by, m.request, ctx.Sender()})
	case supervisor.TaskDone:
		switch {
		case !h.tasks.Accept(m):
		case m.Op == h.pruning:
			h.pruned(ctx, m)
		default:
			h.answer(ctx, m)
		}
	case supervisor.Elapsed:
		if _, ok := h.timers.Accept(m); ok {
			h.prune(ctx)
		}
	}
}

// ask takes a question; one that waits or is being answered already is dropped: clients repeat what is not answered.
func (h *history) ask(ctx actor.Context, q *question) {
	clientID := q.asked.GetClientId()
	if h.archive == nil {
		refuse(ctx, clientID, message.Refusal_UNAVAILABLE, "this server keeps no history")
		return
	}
	waiting := 0
	for _, other := range h.all() {
		if other.by == q.by && other.asked.GetClientId() == clientID {
			return
		}
		if other.by == q.by {
			waiting++
		}
	}
	if waiting >= maxWaitingOfOne || len(h.waiting) >= maxWaiting {
		refuse(ctx, clientID, message.Refusal_UNAVAILABLE, "too many questions about the history at once; try again later")
		return
	}
	h.waiting = append(h.waiting, q)
	h.begin(ctx)
}

func (h *history) all() []*question {
	all := slices.Clone(h.waiting)
	for _, q := range h.asking {
		all = append(all, q)
	}
	return all
}

// begin lets the next questions be answered, as many as may be at once.
func (h *history) begin(ctx actor.Context) {
	for len(h.asking) < maxAsking {
		i := slices.IndexFunc(h.waiting, h.mayAsk)
		if i < 0 {
			return
		}
		q := h.waiting[i]
		h.waiting = slices.Delete(h.waiting, i, i+1)
		r := reading{h.archive, h.ledger}
		h.asking[h.tasks.Start(ctx, "history", func(ctx context.Context) any { return r.answer(ctx, q.by, q.asked) })] = q
	}
}

func (h *history) mayAsk(q *question) bool {
	n := 0
	for _, other := range h.asking {
		if other.by == q.by {
			n++
		}
	}
	return n < maxAskingOfOne
}

func (h *history) answer(ctx actor.Context, m supervisor.TaskDone) {
	q := h.asking[m.Op]
	delete(h.asking, m.Op)
	answer, ok := m.Value.(proto.Message)
	if !ok {
		h.log.Error("bug while the history was read", "reason", m.Panic, "stack", string(m.Panic.Stack))
		answer = &message.Refused{Code: message.Refusal_UNAVAILABLE, ClientId: q.asked.GetClientId(), Text: "internal error: see the server's log"}
	}
	if q.sender != nil {
		ctx.Send(q.sender, answer)
	}
	h.begin(ctx)
}

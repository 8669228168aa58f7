package actors

import (
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/supervisor"
)

// api is the only actor that the link lets clients address. It forwards requests, with who the link says they are from, to
// who decides them and keeps a session for each subscription; it answers nothing from state of its own.
type api struct {
	*supervisor.Supervisor
	ledger *ledger
	log    *slog.Logger
	quiet  chan<- struct{} // who waits until no client watches
}

// maxSessions bounds the subscriptions at once.
const maxSessions = 1000

func newAPI(l *ledger, log *slog.Logger) *api {
	return &api{Supervisor: supervisor.New(supervisor.Config{Name: apiName, Log: log}), ledger: l, log: log}
}

func (a *api) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case request:
		a.request(ctx, m)
	case awaitQuiet:
		a.quiet = m.reply
	}
	a.Supervisor.Receive(ctx)
	if a.quiet != nil && a.Children() == 0 {
		a.quiet <- struct{}{}
		a.quiet = nil
	}
}

// request takes what a client sent. What a request says of its user is overwritten: the link knows better.
func (a *api) request(ctx actor.Context, m request) {
	if m.GetClientId() == "" || len(m.GetClientId()) > maxClientID {
		return // none of ours is like that, and without an id it could not be told from others
	}
	by, ok := caller(ctx)
	if !ok {
		refuse(ctx, m.GetClientId(), message.Refusal_FORBIDDEN, "the server does not know who asks: log in first (kadeploy login)")
		return
	}
	switch m := m.(type) {
	case *message.Submit:
		if stale(m) {
			refuse(ctx, m.GetClientId(), message.Refusal_STALE, "the request came after its deadline; send it again")
			return
		}
		r := proto.CloneOf(m)
		r.User = by
		a.forward(ctx, deploymentsName, asked{by, r})
	case *message.Cancel, *message.StatusRequest, *message.NodesRequest, *message.DisksRequest:
		a.forward(ctx, deploymentsName, asked{by, m})
	case *message.RightsAdd, *message.RightsDel, *message.RightsList, *message.UserAdd, *message.UserDel, *message.UserList:
		a.forward(ctx, accessName, asked{by, m})
	case *message.EnvAdd, *message.EnvList, *message.EnvShow, *message.EnvRemove, *message.EnvVerify,
		*message.EnvUpdate, *message.EnvSet, *message.EnvMove:
		a.forward(ctx, catalogueName, asked{by, m})
	case *message.PowerRequest:
		a.forward(ctx, rebootName, asked{by, m})
	case *message.HistoryRequest, *message.ShowRequest, *message.StatsRequest:
		a.forward(ctx, historyName, asked{by, m})
	case *message.Subscribe:
		a.subscribe(ctx, by, m)
	case *message.Credit:
		a.toSession(ctx, sessionID(by, m), m)
	case *message.Unsubscribe:
		a.StopChild(ctx, sessionID(by, m))
	}
}

func (a *api) forward(ctx actor.Context, name string, m asked) {
	ctx.RequestWithCustomSender(local(ctx.ActorSystem(), name), m, ctx.Sender())
}

// sessionID is the name of a session: nobody can name another's.
func sessionID(by string, m request) string { return m.GetClientId() + "~" + by }

func stale(m *message.Submit) bool {
	return m.GetDeadline() != nil && time.Now().After(m.GetDeadline().AsTime())
}

// subscribe starts a session, or moves one that exists to where the client wants to go on.
func (a *api) subscribe(ctx actor.Context, by string, m *message.Subscribe) {
	client := ctx.Sender()
	if client == nil {
		return // nobody to answer
	}
	id := sessionID(by, m)
	if a.Child(id) != nil {
		a.toSession(ctx, id, m)
		return
	}
	if a.Children() >= maxSessions {
		refuse(ctx, m.GetClientId(), message.Refusal_UNAVAILABLE, "too many clients are watching; try again later")
		return
	}
	_, err := a.StartChild(ctx, supervisor.Spec{ID: id, Restart: supervisor.Temporary, NoAck: true, New: func(int) actor.Actor {
		return &session{client: client, by: by, ledger: a.ledger, subscription: m}
	}})
	if err != nil {
		refuse(ctx, m.GetClientId(), message.Refusal_UNAVAILABLE, "cannot watch: "+err.Error())
		return
	}
}

// maxClientID bounds the ids that clients make; ours have 36 characters.
const maxClientID = 64

func (a *api) toSession(ctx actor.Context, id string, m proto.Message) {
	if pid := a.Child(id); pid != nil {
		ctx.Send(pid, m)
	}
}

// refuse answers the sender of the message under way, if it can be answered.
func refuse(ctx actor.Context, clientID string, code message.Refusal, text string) {
	if ctx.Sender() != nil {
		ctx.Respond(&message.Refused{Code: code, Text: line(text), ClientId: clientID})
	}
}

// notYours refuses what is about another's operation.
func notYours(id, owner string) string {
	if owner == "" {
		return id + " is not yours; an admin may see and end it"
	}
	return line(id + " belongs to " + owner + "; he or an admin may see and end it")
}

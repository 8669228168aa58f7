package actors

import (
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/supervisor"
)

// api is the only actor that the link lets clients address. It forwards requests to who decides them and keeps a session
// for each subscription; it answers nothing from state of its own.
type api struct {
	*supervisor.Supervisor
	log   *slog.Logger
	quiet chan<- struct{} // who waits until no client watches
}

// maxSessions bounds the subscriptions at once.
const maxSessions = 1000

func newAPI(log *slog.Logger) *api {
	return &api{Supervisor: supervisor.New(supervisor.Config{Name: apiName, Log: log}), log: log}
}

func (a *api) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *message.Submit:
		if m.GetClientId() == "" || len(m.GetClientId()) > maxClientID || len(m.GetUser()) > maxUser {
			return // none of ours is like that, and without an id it could not be told from others
		}
		if stale(m) {
			refuse(ctx, m.GetClientId(), message.Refusal_STALE, "the request came after its deadline; send it again")
			return
		}
		ctx.Forward(local(ctx.ActorSystem(), deploymentsName))
	case *message.Cancel, *message.StatusRequest, *message.NodesRequest:
		ctx.Forward(local(ctx.ActorSystem(), deploymentsName))
	case *message.Subscribe:
		a.subscribe(ctx, m)
	case *message.Credit:
		a.toSession(ctx, m.GetClientId(), m)
	case awaitQuiet:
		a.quiet = m.reply
	case *message.Unsubscribe:
		a.StopChild(ctx, m.GetClientId())
	}
	a.Supervisor.Receive(ctx)
	if a.quiet != nil && a.Children() == 0 {
		a.quiet <- struct{}{}
		a.quiet = nil
	}
}

func stale(m *message.Submit) bool {
	return m.GetDeadline() != nil && time.Now().After(m.GetDeadline().AsTime())
}

// subscribe starts a session, or moves one that exists to where the client wants to go on.
func (a *api) subscribe(ctx actor.Context, m *message.Subscribe) {
	client := ctx.Sender()
	if client == nil || m.GetClientId() == "" || len(m.GetClientId()) > maxClientID {
		return // nobody to answer
	}
	if a.Child(m.GetClientId()) != nil {
		a.toSession(ctx, m.GetClientId(), m)
		return
	}
	if a.Children() >= maxSessions {
		refuse(ctx, m.GetClientId(), message.Refusal_UNAVAILABLE, "too many clients are watching; try again later")
		return
	}
	_, err := a.StartChild(ctx, supervisor.Spec{ID: m.GetClientId(), Restart: supervisor.Temporary, NoAck: true, New: func(int) actor.Actor {
		return &session{client: client, subscription: m}
	}})
	if err != nil {
		refuse(ctx, m.GetClientId(), message.Refusal_UNAVAILABLE, "cannot watch: "+err.Error())
		return
	}
}

// Bounds of what clients say of themselves; our ids have 36 characters.
const (
	maxClientID = 64
	maxUser     = 255
)

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

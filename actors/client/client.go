// Package client is what Go programs import to speak with a kadeploy server: Dial, then Submit, Watch, Status, Nodes, Cancel.
//
// It hides the actor system: every call takes a context and sends its request again when no answer comes (requests carry an
// id of the client's, so that the server takes a repeated one for the same). A Client may be used by several goroutines. A process
// may hold one Client at a time, because the link keeps process-wide state.
//
// Who asks is proved by a certificate: Local gets one from the server of this machine, Login from a server elsewhere. One connection
// to the server is all that a client needs; it may be behind NAT or a firewall.
//
// Errors say what to do by their type:
//   - ErrNoServer: nothing answers there; the operation, if there is one, goes on without us.
//   - ErrIdentity: the server does not know who asks: log in.
//   - *RefusedError: the server's reasoned no. Its Refused has a code (BUSY, FORBIDDEN, INVALID, ...) and, when BUSY, who holds which node.
//   - context.Canceled and context.DeadlineExceeded: the caller's context ended first.
//
// All are found with errors.Is and errors.As. Others are about files and arguments of the caller's own.
package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/link"
	"github.com/kadeploy/kadeploy/actors/message"
)

// APIName is the id of the one actor that clients may address.
const APIName = "root/api"

const (
	resend   = 2 * time.Second  // an unanswered request is sent again
	patience = 10 * time.Second // a call whose context has no deadline
	credit   = 512              // events under way to this client
)

// ErrNoServer means that nothing answers at the server's address.
var ErrNoServer = errors.New("no server")

// RefusedError is the server's reasoned no.
type RefusedError struct{ Refused *message.Refused }

func (e *RefusedError) Error() string { return e.Refused.GetText() }

// Config tells Dial where the server is.
type Config struct {
	Server   string       // HOST:PORT
	Identity Identity     // how the client proves who it is; default: what Login has kept for that server
	Log      *slog.Logger // default: none

	Uploader  Uploader             // brings the server the files of descriptions that it may not read; default: over HTTPS, to the same port
	Uploading func(UploadProgress) // told of them, on Submit's goroutine or one that it waits for; may be nil

	Silence time.Duration // a watch that hears nothing for so long subscribes again; default 3 s
	Outage  time.Duration // a watch gives up when the server has been unreachable for so long; default 15 s
}

// Client is a connection to one server.
type Client struct {
	server string
	user   string
	system *actor.ActorSystem
	link   *link.Link
	stop   context.CancelFunc
	inbox  *actor.PID
	api    *actor.PID

	silence, outage time.Duration
	web             *http.Client // as the same user
	uploader        Uploader
	uploading       func(UploadProgress)

	renewing sync.WaitGroup

	mu    sync.Mutex
	calls map[string]chan proto.Message
}

// Close ends the connection; operations under way go on at the server.
func (c *Client) Close() {
	c.stop()
	c.renewing.Wait()
	c.system.Root.Stop(c.inbox)
	c.link.Close()
	c.system.Shutdown()
}

// receiver makes an actor of a function.
type receiver func(actor.Context)

func (r receiver) Receive(ctx actor.Context) { r(ctx) }

// reply is what every answer of the server has: the id that the client gave its request.
type reply interface {
	proto.Message
	GetClientId() string
}

// receive runs on the inbox actor: it hands each answer to the call that waits for it and never blocks.
func (c *Client) receive(ctx actor.Context) {
	m, ok := ctx.Message().(reply)
	if !ok {
		return
	}
	c.mu.Lock()
	ch := c.calls[m.GetClientId()]
	c.mu.Unlock()
	select {
	case ch <- m: // a nil channel is never ready: nobody waits
	default: // more than the credit given: what is lost is asked for again
	}
}

func (c *Client) expect(id string) (<-chan proto.Message, func()) {
	ch := make(chan proto.Message, 2*credit)
	c.mu.Lock()
	c.calls[id] = ch
	c.mu.Unlock()
	return ch, func() {
		c.mu.Lock()
		delete(c.calls, id)
		c.mu.Unlock()
	}
}

func (c *Client) send(m proto.Message) error {
	if n := proto.Size(m); n > link.MaxMessage {
		return fmt.Errorf("the request has %d bytes; a server takes %d", n, link.MaxMessage)
	}
	c.system.Root.RequestWithCustomSender(c.api, m, c.inbox)
	return nil
}

// call sends a request until it is answered.
func (c *Client) call(ctx context.Context, id string, m proto.Message) (proto.Message, error) {
	ctx, cancel := withPatience(ctx)
	defer cancel()
	answers, forget := c.expect(id)
	defer forget()
	for {
		if err := c.send(m); err != nil {
			return nil, err
		}
		select {
		case a := <-answers:
			if r, ok := a.(*message.Refused); ok {
				return nil, &RefusedError{r}
			}
			return a, nil
		case <-ctx.Done():
			return nil, fmt.Errorf("server %s does not answer: %w", c.server, context.Cause(ctx))
		case <-time.After(resend):
			if err := reachable(ctx, c.server); err != nil {
				return nil, err
			}
		}
	}
}

func withPatience(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, patience)
}

func newID() string { return uuid.NewString() }

func stamp(t time.Time) *timestamppb.Timestamp { return timestamppb.New(t) }

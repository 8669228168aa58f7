// Package client is what Go programs import to speak with a kadeploy server: Dial, then Submit, Watch, Status, Nodes, Cancel.
//
// It hides the actor system: every call takes a context, sends its request again when no answer comes (requests carry an
// id of the client's, so that the server takes a repeated one for the same), and returns typed errors. A Client may be used
// by several goroutines. A process may hold one Client at a time, because the link keeps process-wide state.
package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os/user"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/link"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/supervisor"
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
	Server string       // HOST:PORT
	User   string       // default: the user running the process
	Log    *slog.Logger // default: none

	Uploader  Uploader             // brings the server the files of descriptions that it may not read; nil: Submit fails when there are some
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
	inbox  *actor.PID
	api    *actor.PID

	silence, outage time.Duration
	uploader        Uploader
	uploading       func(UploadProgress)

	mu    sync.Mutex
	calls map[string]chan proto.Message
}

// Dial connects to a server. It fails with ErrNoServer at once when nothing listens there.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if cfg.User == "" {
		cfg.User = userName()
	}
	if err := reachable(ctx, cfg.Server); err != nil {
		return nil, err
	}
	system, _ := supervisor.NewSystem(cfg.Log)
	c := &Client{
		server: cfg.Server, user: cfg.User,
		system:  system,
		api:     actor.NewPID(cfg.Server, APIName),
		silence: cmp.Or(cfg.Silence, 3*time.Second), outage: cmp.Or(cfg.Outage, 15*time.Second),
		uploader: cfg.Uploader, uploading: cfg.Uploading,
		calls: make(map[string]chan proto.Message),
	}
	inbox := "inbox-" + newID() // told to the server only: who does not know it cannot send here
	var err error
	if c.link, err = link.Start(c.system, link.Config{Address: "127.0.0.1:0", Policy: link.ClientPolicy(inbox), Log: cfg.Log}); err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	if c.inbox, err = c.system.Root.SpawnNamed(supervisor.Props(func() actor.Actor { return receiver(c.receive) }), inbox); err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return c, nil
}

// Close ends the connection; operations under way go on at the server.
func (c *Client) Close() {
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

// reachable tells a server that is not running from one that is slow.
func reachable(ctx context.Context, server string) error {
	d := net.Dialer{Timeout: 2 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", server)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w at %s (start it: kadeploy-server start)", ErrNoServer, server)
	}
	return conn.Close()
}

func newID() string { return uuid.NewString() }

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

func stamp(t time.Time) *timestamppb.Timestamp { return timestamppb.New(t) }

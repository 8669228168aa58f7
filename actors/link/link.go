package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"github.com/kadeploy/kadeploy/internal/pki"
)

// MaxMessage is the largest protobuf message that may be sent over a link, in bytes: the final report of 20,000 nodes. A
// batch of batchSize of them stays below maxBatch, what the receiving side accepts; one that does not would end the link.
const (
	MaxMessage = 4 << 20
	batchSize  = 4
	maxBatch   = batchSize*MaxMessage + 1<<20
	queueSize  = 1024
	maxAnswer  = 4 << 10 // to a handshake: all that comes back on a stream that we opened
)

// Link is a started remote.
type Link struct {
	remote      *remote.Remote
	guard       *guard
	connections *connections
	once        sync.Once
	closed      []func() // in reverse order
}

// parts are what a link is made of, on either side.
type parts struct {
	listen  string // HOST:PORT
	address string // the name by which peers know us
	server  *tls.Config
	calls   credentials.TransportCredentials
	dial    func(context.Context, string) (net.Conn, error)
	claim   func(pki.Identity, string) (func(), error)
	policy  Policy
	lot     *lot
	web     http.Handler
	log     *slog.Logger
}

// start listens and gives the system its address. It comes before any actor is spawned: earlier PIDs would carry no address.
func start(system *actor.ActorSystem, p parts) (*Link, error) {
	if p.log == nil {
		p.log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	p.policy = p.policy.withDefaults()
	kinds, err := p.policy.kinds()
	if err != nil {
		return nil, err
	}
	host, port, err := listenable(p.listen)
	if err != nil {
		return nil, err
	}
	g := &guard{policy: p.policy, kinds: kinds, self: p.address, claim: p.claim, log: p.log, streams: make(map[pki.Identity]int)}
	l := &Link{guard: g}
	l.connections = &connections{
		tls: p.server.Clone(), policy: p.policy, refuse: g.refuse, crowd: newCrowd(p.policy.Strangers), lot: p.lot,
		by: make(map[pki.Identity]int), known: make(map[*connection]bool),
		admit: func(id pki.Identity) bool { return id.Kind == p.policy.Peers },
	}
	l.connections.tls.NextProtos = []string{protoActors, protoPark}
	if p.web != nil {
		l.connections.web = serveWeb(p.web)
		l.closed = append(l.closed, l.connections.web.end)
		l.connections.tls.NextProtos = []string{protoActors, protoPark, protoWeb}
	}
	l.remote = remote.NewRemote(system, configure(host, port, p, l.connections, g))
	if err := l.listen(); err != nil {
		l.Close()
		return nil, fmt.Errorf("cannot listen on %s: %w", p.listen, err)
	}
	l.closed = append(l.closed, func() { l.remote.Shutdown(false) })
	return l, nil
}

func (l *Link) listen() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	l.remote.Start()
	return nil
}

// Refused returns how many streams, calls and connections the guard has ended. Safe for concurrent use.
func (l *Link) Refused() int64 { return l.guard.refused.Load() }

// Expel ends the connections of an identity. Who it is may come again, if its certificate is still good.
func (l *Link) Expel(id pki.Identity) {
	l.connections.expel(id)
	if l.connections.lot != nil {
		l.connections.lot.expel(id)
	}
}

// Close ends the link without waiting for its peers. It may be called twice.
func (l *Link) Close() {
	l.once.Do(func() {
		for i := len(l.closed) - 1; i >= 0; i-- {
			l.closed[i]()
		}
	})
}

// listenable splits an address. The library panics when it cannot listen there; asking first gives the usual error. The gap between
// the two is harmless: the panic is then caught.
func listenable(address string) (host string, port int, err error) {
	probe, err := net.Listen("tcp", address)
	if err != nil {
		return "", 0, fmt.Errorf("cannot listen on %s: %w", address, reason(err))
	}
	probe.Close()
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	if port, err = strconv.Atoi(text); err != nil {
		return "", 0, fmt.Errorf("%q: the port is no number", address)
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]" // the library joins it with the port as it is
	}
	return host, port, nil
}

func reason(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}

func configure(host string, port int, p parts, in *connections, g *guard) *remote.Config {
	c := remote.Configure(host, port,
		remote.WithAdvertisedHost(p.address),
		remote.WithEndpointWriterBatchSize(batchSize),
		remote.WithEndpointWriterQueueSize(queueSize),
		remote.WithEndpointManagerQueueSize(queueSize),
		remote.WithServerOptions(
			grpc.Creds(in),
			grpc.UnaryInterceptor(g.unary),
			grpc.StreamInterceptor(g.stream),
			grpc.ConnectionTimeout(p.policy.Patience),
			grpc.MaxRecvMsgSize(maxBatch),
			grpc.MaxConcurrentStreams(1), // the library opens one per connection
			grpc.MaxHeaderListSize(8<<10),
			grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: time.Minute, Time: 10 * time.Second, Timeout: 3 * time.Second}),
			grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		),
		remote.WithDialOptions(
			grpc.WithTransportCredentials(p.calls),
			grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 3 * time.Second}),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
			grpc.WithStreamInterceptor(attend(p.policy.Patience)),
			grpc.WithContextDialer(p.dial),
		),
	)
	c.MaxRetryCount = 1 // more leak a connection per retry, and deliver what was sent during an outage late
	return c
}

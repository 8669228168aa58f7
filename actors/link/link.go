package link

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
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

// Config is what a link is made of.
type Config struct {
	Address string // HOST:PORT to listen on; loopback, port 0 for any
	Policy  Policy
	Log     *slog.Logger // of what is refused; default: none
}

// Link is a started remote.
type Link struct {
	remote *remote.Remote
	guard  *guard
	once   sync.Once
}

// Start listens and gives the system its address. Start it before any actor is spawned: earlier PIDs would carry no address.
func Start(system *actor.ActorSystem, cfg Config) (*Link, error) {
	host, port, err := loopback(cfg.Address)
	if err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	kinds, err := cfg.Policy.kinds()
	if err != nil {
		return nil, err
	}
	// The library panics when it cannot listen; asking first gives the usual error. The gap between the two is harmless: the
	// panic is then caught below.
	probe, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", cfg.Address, reason(err))
	}
	probe.Close()
	g := &guard{kinds: kinds, address: system.Address, log: cfg.Log}
	l := &Link{guard: g, remote: remote.NewRemote(system, configure(host, port, g, cfg.Policy.withDefaults()))}
	if err := l.start(); err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", cfg.Address, err)
	}
	return l, nil
}

func (l *Link) start() (err error) {
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

// Close ends the link without waiting for its peers. It may be called twice.
func (l *Link) Close() { l.once.Do(func() { l.remote.Shutdown(false) }) }

func configure(host string, port int, g *guard, policy Policy) *remote.Config {
	if strings.Contains(host, ":") {
		host = "[" + host + "]" // the library joins it with the port as it is
	}
	refuse := func(why error) error { return g.refuse("", why) }
	c := remote.Configure(host, port,
		remote.WithEndpointWriterBatchSize(batchSize),
		remote.WithEndpointWriterQueueSize(queueSize),
		remote.WithEndpointManagerQueueSize(queueSize),
		remote.WithServerOptions(
			grpc.Creds(&connections{TransportCredentials: insecure.NewCredentials(), policy: policy, full: refuse}),
			grpc.UnaryInterceptor(g.unary),
			grpc.StreamInterceptor(g.stream),
			grpc.MaxRecvMsgSize(maxBatch),
			grpc.MaxConcurrentStreams(1), // the library opens one per connection
			grpc.MaxHeaderListSize(8<<10),
			grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: time.Minute, Time: 10 * time.Second, Timeout: 3 * time.Second}),
			grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		),
		remote.WithDialOptions(
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 3 * time.Second}),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
			grpc.WithStreamInterceptor(attend(policy.Patience)),
			grpc.WithContextDialer(dialLoopback),
		),
	)
	c.MaxRetryCount = 1 // more leak a connection per retry, and deliver what was sent during an outage late
	return c
}

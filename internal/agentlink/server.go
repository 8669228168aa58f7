// Package agentlink is the server's end of the line to the node agents: it listens, admits each agent by its one-time
// token and gives the caller a Session, on which orders are done one at a time.
//
// It promises that no agent, however it misbehaves, costs more than its own session: messages are bounded and checked,
// a peer that goes silent is found within 13 s, a call returns when its context ends, and a panic in what serves one stream ends
// that stream. Whom to admit, what to order and
// what an answer means is the caller's business. The line is plaintext in this version, so it listens on loopback only.
package agentlink

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
)

const (
	helloTimeout   = 5 * time.Second
	pingEvery      = 10 * time.Second // keepalive of a silent connection
	pingTimeout    = 3 * time.Second
	idleTimeout    = 30 * time.Second // of a connection without a session
	maxConnections = 32 << 10
	maxStreams     = 4       // of one connection: the session and a few files
	bufferSize     = 4 << 10 // per connection and direction; orders are small and nodes are many
)

// Config says where agents call and who wants to know. Admit, Joined and Left are called from many goroutines at once,
// but for one session in this order; they must return soon and must not call Server.Close.
type Config struct {
	Listen string                         // host:port on loopback; port 0 takes a free one
	Admit  func(node, token string) error // nil error: the agent is who it says and its token is spent
	Joined func(*Session)                 // a session began; orders may be given from now on
	Left   func(*Session, error)          // it ended: nil when the agent said goodbye, else ErrLost with the reason
	Log    *slog.Logger                   // nil: silent

	HelloTimeout time.Duration // from the start of a stream to Hello; 0: 5 s
}

// Server accepts agents until it is closed. Its methods are safe for concurrent use.
type Server struct {
	agentpb.UnimplementedAgentsServer
	config   Config
	grpc     *grpc.Server
	listener net.Listener
	book     book
	running  sync.WaitGroup
}

// Start listens and serves. The error is one line that names the address: in use, not loopback, malformed.
func Start(c Config) (*Server, error) {
	if c.Admit == nil || c.Joined == nil || c.Left == nil {
		return nil, errors.New("agentlink: Admit, Joined and Left must be given")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.HelloTimeout == 0 {
		c.HelloTimeout = helloTimeout
	}
	l, err := listen(c.Listen)
	if err != nil {
		return nil, err
	}
	s := &Server{config: c, listener: l}
	s.grpc = grpc.NewServer(
		grpc.MaxRecvMsgSize(agentpb.MaxReport),
		grpc.MaxSendMsgSize(agentpb.MaxOrder),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(8<<10),
		grpc.ConnectionTimeout(helloTimeout),
		grpc.ReadBufferSize(bufferSize),
		grpc.WriteBufferSize(bufferSize),
		grpc.WaitForHandlers(true),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingEvery, Timeout: pingTimeout, MaxConnectionIdle: idleTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingEvery / 2}),
	)
	agentpb.RegisterAgentsServer(s.grpc, s)
	s.running.Go(func() {
		if err := s.grpc.Serve(l); err != nil {
			c.Log.Error("agents: the listener ended", "err", err)
		}
	})
	return s, nil
}

func listen(address string) (net.Listener, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("agents: listen on %q: want IP:PORT", address)
	}
	if !at.Addr().IsLoopback() {
		return nil, fmt.Errorf("agents: listen on %s: agents speak plaintext in this version, so the address must be a loopback one", address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, fmt.Errorf("agents: listen on %s: %w", address, err)
	}
	return netutil.LimitListener(l, maxConnections), nil
}

// Addr is where agents call.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Close ends every session, waits until each Left has returned and frees the port.
func (s *Server) Close() {
	s.grpc.Stop()
	s.running.Wait()
}

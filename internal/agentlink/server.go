package agentlink

import (
	"cmp"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/pki"
)

const (
	helloTimeout   = 5 * time.Second
	pingEvery      = 10 * time.Second // keepalive of a silent connection
	pingTimeout    = 3 * time.Second
	idleTimeout    = 30 * time.Second // of a connection without a session
	patience       = 10 * time.Second // from a call to the proof that it is of a node that is expected
	maxStrangers   = 2 << 10          // connections without that proof
	maxConnections = 32 << 10         // all
	maxStreams     = 4                // of one connection: the session and a few files
	bufferSize     = 4 << 10          // per connection and direction; orders are small and nodes are many
)

// Config says where agents call, who may, and who wants to know. Joined and Left are called from many goroutines at once, but for
// one session in this order; they must return soon and must not call Server.Close.
type Config struct {
	Listen    string                // host:port; port 0 takes a free one, no host is every address
	Authority *pki.Authority        // what agents know the server by, and what makes their certificates
	Boots     *Boots                // who is expected
	Joined    func(*Session)        // a session began; orders may be given from now on
	Left      func(*Session, error) // it ended: nil when the agent said goodbye, else ErrLost with the reason
	Log       *slog.Logger          // nil: silent

	Reconnect    func() time.Duration // how long an agent whose connection broke calls again; nil: not at all
	HelloTimeout time.Duration        // from the start of a stream to Hello; 0: 5 s
	Patience     time.Duration        // with a connection that has not proved that it is of a node that is expected; 0: 10 s
	Strangers    int                  // such connections; when there are more the oldest gives way; 0: 2048
}

// Server accepts agents until it is closed. Its methods are safe for concurrent use.
type Server struct {
	agentpb.UnimplementedAgentsServer
	config   Config
	grpc     *grpc.Server
	listener net.Listener
	crowd    *crowd
	book     *book
	running  sync.WaitGroup
}

// Start listens and serves. The error is one line that names the address: in use, malformed.
func Start(c Config) (*Server, error) {
	if c.Authority == nil || c.Boots == nil || c.Joined == nil || c.Left == nil {
		return nil, errors.New("agentlink: Authority, Boots, Joined and Left must be given")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.HelloTimeout = cmp.Or(c.HelloTimeout, helloTimeout)
	c.Patience = cmp.Or(c.Patience, patience)
	c.Strangers = cmp.Or(c.Strangers, maxStrangers)
	l, err := listen(c.Listen)
	if err != nil {
		return nil, err
	}
	s := &Server{config: c, listener: l, crowd: newCrowd(c.Strangers, c.Patience), book: newBook()}
	s.grpc = grpc.NewServer(
		grpc.Creds(newDoor(c.Authority, s.crowd, c.Log)),
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

// Close ends every session, waits until each Left has returned and frees the port.
func (s *Server) Close() {
	s.crowd.close() // gRPC would wait for their handshakes
	s.grpc.Stop()
	s.running.Wait()
}

// Strangers is how many connections there are of which nobody knows yet whose they are.
func (s *Server) Strangers() int { return s.crowd.size() }

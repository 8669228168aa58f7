package agent

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
)

const (
	pingEvery   = 10 * time.Second
	pingTimeout = 3 * time.Second
	bufferSize  = 4 << 10 // of the connection; a sandbox has thousands of agents in one process
)

// link is the stream to the server after the welcome.
type link struct {
	conn    *grpc.ClientConn
	client  agentpb.AgentsClient
	stream  agentpb.Agents_SessionClient
	session []byte // names this session in Fetch
	ctx     context.Context
	cancel  context.CancelCauseFunc

	mu sync.Mutex // one Send at a time
}

// dial calls the server once and says hello.
func dial(ctx context.Context, c *Config) (*link, error) {
	conn, err := grpc.NewClient("passthrough:///"+c.Server,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(dialer(c.Address)),
		grpc.WithNoProxy(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(agentpb.MaxOrder), grpc.MaxCallSendMsgSize(agentpb.MaxReport)),
		grpc.WithReadBufferSize(bufferSize), grpc.WithWriteBufferSize(bufferSize),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingEvery, Timeout: pingTimeout}),
	)
	if err != nil {
		return nil, err
	}
	l := &link{conn: conn, client: agentpb.NewAgentsClient(conn)}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	if err := l.hello(c); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func dialer(from netip.Addr) func(context.Context, string) (net.Conn, error) {
	d := &net.Dialer{Timeout: welcomeTimeout, LocalAddr: &net.TCPAddr{IP: from.AsSlice()}}
	return func(ctx context.Context, address string) (net.Conn, error) { return d.DialContext(ctx, "tcp", address) }
}

func (l *link) hello(c *Config) error {
	timer := time.AfterFunc(welcomeTimeout, func() { l.cancel(errors.New("no welcome in time")) })
	defer timer.Stop()
	stream, err := l.client.Session(l.ctx)
	if err != nil {
		return err
	}
	l.stream = stream
	hello := &agentpb.Hello{Node: c.Node, Token: c.Token, Protocol: agentpb.Protocol, Version: c.Version}
	// A Send that fails says io.EOF only; Recv has the reason.
	sendErr := stream.Send(&agentpb.FromAgent{Body: &agentpb.FromAgent_Hello{Hello: hello}})
	m, err := stream.Recv()
	if err != nil {
		return err
	}
	if sendErr != nil || len(m.GetWelcome().GetSession()) == 0 {
		return errors.New("the server's first message is no Welcome")
	}
	l.session = m.GetWelcome().Session
	if !timer.Stop() {
		return errors.New("no welcome in time")
	}
	return nil
}

func (l *link) send(m *agentpb.FromAgent) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stream.Send(m)
}

// goodbye ends the stream from this side.
func (l *link) goodbye() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stream.CloseSend()
}

func (l *link) close() {
	l.cancel(errors.New("agent ended"))
	l.conn.Close()
}

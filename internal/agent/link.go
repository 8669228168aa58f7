package agent

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
)

// link is the stream to the server after the welcome.
type link struct {
	conn    *grpc.ClientConn
	client  agentpb.AgentsClient
	stream  agentpb.Agents_SessionClient
	session []byte // names this session in Fetch
	ctx     context.Context
	cancel  context.CancelCauseFunc

	reconnect time.Duration // how long to call again when the connection breaks

	mu sync.Mutex // one Send at a time
}

func dialer(from netip.Addr) func(context.Context, string) (net.Conn, error) {
	d := &net.Dialer{Timeout: welcomeTimeout, LocalAddr: &net.TCPAddr{IP: from.AsSlice()}}
	return func(ctx context.Context, address string) (net.Conn, error) { return d.DialContext(ctx, "tcp", address) }
}

func (l *link) hello(hello *agentpb.Hello) error {
	timer := time.AfterFunc(welcomeTimeout, func() { l.cancel(errNoWelcome) })
	defer timer.Stop()
	stream, err := l.client.Session(l.ctx)
	if err != nil {
		return err
	}
	l.stream = stream
	// A Send that fails says io.EOF only; Recv has the reason.
	sendErr := stream.Send(&agentpb.FromAgent{Body: &agentpb.FromAgent_Hello{Hello: hello}})
	m, err := stream.Recv()
	if err != nil {
		return err
	}
	if sendErr != nil || len(m.GetWelcome().GetSession()) == 0 {
		return errors.New("the server's first message is no Welcome")
	}
	l.session, l.reconnect = m.GetWelcome().Session, m.GetWelcome().Reconnect.AsDuration()
	if !timer.Stop() {
		return errNoWelcome
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

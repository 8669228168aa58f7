package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc/credentials"

	"github.com/kadeploy/kadeploy/internal/pki"
)

// What the other side of a finished TLS handshake (ALPN, RFC 7301) wants to speak.
const (
	protoActors = "h2"              // gRPC, with the library's service
	protoPark   = "kadeploy-park/1" // nothing: the connection is ours to use (park.go)
	protoWeb    = "http/1.1"        // requests for what is no message: certificates, files
)

// connections are the way in. They bound the connections in number, and those that say nothing in time, find out who is there, and
// hand on what is not for actors. gRPC asks the credentials about each connection before anything else is made of it; that is the one
// place where the library, which listens itself, lets us.
type connections struct {
	tls    *tls.Config
	admit  func(pki.Identity) bool // to the actors
	policy Policy
	refuse func(who string, why error) error
	crowd  *crowd
	lot    *lot      // nil: nobody parks here
	web    *internal // nil: no such requests are served

	mu    sync.Mutex
	open  int // of those that are known
	by    map[pki.Identity]int
	known map[*connection]bool
}

func (c *connections) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3})
	}
	s := c.crowd.enter(raw)
	conn := tls.Server(s, c.tls)
	if err := c.shake(conn); err != nil {
		s.Close()
		return nil, nil, err
	}
	state := conn.ConnectionState()
	web := state.NegotiatedProtocol == protoWeb || state.NegotiatedProtocol == ""
	var who pki.Identity
	var err error
	if !web || len(state.PeerCertificates) > 0 { // who asks for a first certificate has none, and stays in the crowd
		if who, err = identified(state); err == nil {
			err = c.enter(s, who)
		}
	}
	switch {
	case err != nil:
		conn.Close()
		return nil, nil, c.refuse(raw.RemoteAddr().String(), err)
	case web:
		if c.web == nil || !c.web.give(conn) {
			conn.Close()
		}
		return nil, nil, credentials.ErrConnDispatched
	case state.NegotiatedProtocol == protoPark:
		c.receive(who, conn)
		return nil, nil, credentials.ErrConnDispatched
	}
	one := c.register(conn, who, state.PeerCertificates[0].NotAfter)
	return one, one, nil
}

// enter counts a connection of somebody who is known now, to its end.
func (c *connections) enter(s *stranger, who pki.Identity) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.admit(who):
		return errors.New("who may not speak to actors")
	case c.open >= c.policy.Connections:
		return fmt.Errorf("a connection when %d are open", c.open)
	case c.by[who] >= connectionsPerStream*c.policy.Streams:
		return fmt.Errorf("a connection when %s has %d", who, c.by[who])
	case !s.leave():
		return errors.New("a connection that took too long")
	}
	c.open++
	c.by[who]++
	s.over = sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.open--
		if c.by[who]--; c.by[who] == 0 {
			delete(c.by, who)
		}
	})
	return nil
}

func (c *connections) shake(conn *tls.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), c.policy.Patience)
	defer cancel()
	return conn.HandshakeContext(ctx)
}

// receive parks a connection.
func (c *connections) receive(who pki.Identity, conn *tls.Conn) {
	_ = conn.SetDeadline(time.Now().Add(c.policy.Patience))
	address, err := readAddress(conn)
	if err == nil && c.lot == nil {
		err = errors.New("a connection to park where nobody parks")
	}
	if err == nil { // the answer goes first: once parked, the connection may be taken at any moment
		err = c.lot.mayPark(who, address)
		err = errors.Join(err, answerAddress(conn, text(err)))
	}
	_ = conn.SetDeadline(time.Time{})
	if err == nil {
		err = c.lot.park(who, address, conn)
	}
	if err != nil {
		conn.Close()
		var broken net.Error
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &broken) { // clients come and go
			_ = c.refuse(conn.RemoteAddr().String(), err)
		}
	}
}

// connectionsPerStream is what a client has at most: its own, one parked and one taken.
const connectionsPerStream = 3

// register makes a connection for actors: it ends when it says nothing at first, when its certificate does, and when it is expelled.
func (c *connections) register(conn net.Conn, who pki.Identity, expires time.Time) *connection {
	one := &connection{Conn: conn, identity: who}
	one.silent = time.AfterFunc(c.policy.Patience, func() { conn.Close() })
	one.expiry = time.AfterFunc(time.Until(expires), func() { conn.Close() })
	one.over = func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.known, one)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[one] = true
	return one
}

// expel ends the connections of an identity.
func (c *connections) expel(who pki.Identity) {
	for _, one := range c.of(who) {
		_ = one.Conn.Close()
	}
}

func (c *connections) of(who pki.Identity) (all []*connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for one := range c.known {
		if one.identity == who {
			all = append(all, one)
		}
	}
	return all
}

func (*connections) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("link: a server does not call")
}
func (*connections) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}
func (c *connections) Clone() credentials.TransportCredentials { return c }
func (*connections) OverrideServerName(string) error           { return nil }

// connection is one for actors. gRPC hands it to the interceptors as the AuthInfo of their streams.
type connection struct {
	net.Conn
	identity       pki.Identity
	silent, expiry *time.Timer
	over           func()
}

// AuthType implements credentials.AuthInfo.
func (*connection) AuthType() string { return "tls" }

func (c *connection) Close() error {
	c.silent.Stop()
	c.expiry.Stop()
	c.over()
	return c.Conn.Close()
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

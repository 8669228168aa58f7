package link

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/credentials"
)

// connections bounds them in number, and those that say nothing in time. gRPC asks the credentials about each connection before
// anything else is made of it; that is the one place where the library, which listens itself, lets us.
type connections struct {
	credentials.TransportCredentials
	policy Policy
	full   func(error) error
	open   atomic.Int64
}

func (c *connections) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if c.open.Add(1) > int64(c.policy.Connections) {
		c.open.Add(-1)
		return nil, nil, c.full(fmt.Errorf("a connection when %d are open", c.policy.Connections))
	}
	conn, info, err := c.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		c.open.Add(-1)
		return nil, nil, err
	}
	one := &connection{Conn: conn, AuthInfo: info, over: func() { c.open.Add(-1) }}
	one.silent = time.AfterFunc(c.policy.Patience, func() { _ = one.end() })
	return one, one, nil
}

func (c *connections) Clone() credentials.TransportCredentials { return c }

// connection is one of them. gRPC hands it to the interceptors as the AuthInfo of their streams.
type connection struct {
	net.Conn
	credentials.AuthInfo
	silent *time.Timer
	once   sync.Once
	over   func()
}

func (c *connection) Close() error {
	c.silent.Stop()
	return c.end()
}

func (c *connection) end() error {
	c.once.Do(c.over)
	return c.Conn.Close()
}

// greeted tells a stream's connection that the handshake is done.
func greeted(info credentials.AuthInfo) {
	if c, ok := info.(*connection); ok {
		c.silent.Stop()
	}
}

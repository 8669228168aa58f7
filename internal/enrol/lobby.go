package enrol

import (
	"net"
	"sync"
)

// lobby is a listener that has room for so many connections, and so many of one peer; others are closed at once, so that who holds
// many does not keep the rest out.
type lobby struct {
	net.Listener
	most, mostOfOne int

	mu  sync.Mutex
	all int
	by  map[string]int
}

func newLobby(l net.Listener, most, mostOfOne int) *lobby {
	return &lobby{Listener: l, most: most, mostOfOne: mostOfOne, by: map[string]int{}}
}

// Accept implements net.Listener.
func (l *lobby) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		who, err := peerOfConn(conn)
		if err == nil && l.enter(who.key()) {
			return &guest{Conn: conn, peer: who, leave: sync.OnceFunc(func() { l.leave(who.key()) })}, nil
		}
		conn.Close()
	}
}

func (l *lobby) enter(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= l.most || l.by[key] >= l.mostOfOne {
		return false
	}
	l.all++
	l.by[key]++
	return true
}

func (l *lobby) leave(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.by[key]--; l.by[key] == 0 {
		delete(l.by, key)
	}
}

// guest is a connection that was let in.
type guest struct {
	net.Conn
	peer  peer
	leave func()
}

// Close implements net.Conn.
func (g *guest) Close() error {
	defer g.leave()
	return g.Conn.Close()
}

package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/kadeploy/kadeploy/internal/pki"
)

// Bounds of what one client parks.
const (
	maxParked = 2               // connections at an address; a client parks the next one when one is taken
	takeTime  = 2 * time.Second // that a connection is waited for
)

// lot holds the connections that clients have opened and left to us. We speak to a client over one of them, with a handshake of its
// own, so that we dial nobody and the client needs no port that we could reach: it may be behind NAT or a firewall. An address is its
// owner's from the first connection parked there to the end of the last one that has to do with it.
type lot struct {
	addresses int // of one identity

	mu     sync.Mutex
	spaces map[string]*space
	owners map[pki.Identity]int // addresses of each
}

// space is what belongs to an address.
type space struct {
	owner  pki.Identity
	parked []*parked
	taken  map[*taken]bool
	uses   int           // connections and streams under way
	news   chan struct{} // something was parked
}

// parked is a connection that says nothing until it is taken. Its guard notices when it ends.
type parked struct {
	*tls.Conn
	left chan struct{} // the guard has
	err  error
}

func newLot(addresses int) *lot {
	return &lot{addresses: addresses, spaces: make(map[string]*space), owners: make(map[pki.Identity]int)}
}

// mayPark says whether park would take a connection now.
func (l *lot) mayPark(owner pki.Identity, address string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.check(owner, address)
}

func (l *lot) check(owner pki.Identity, address string) error {
	switch s := l.spaces[address]; {
	case s != nil && s.owner != owner:
		return errors.New("the address of another client")
	case s != nil && len(s.parked) >= maxParked:
		return fmt.Errorf("more than %d connections parked at an address", maxParked)
	case s == nil && l.owners[owner] >= l.addresses:
		return fmt.Errorf("more than %d clients of one user", l.addresses)
	}
	return nil
}

// park takes a connection for an address.
func (l *lot) park(owner pki.Identity, address string, conn *tls.Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.check(owner, address); err != nil {
		return err
	}
	s := l.spaces[address]
	if s == nil {
		s = &space{owner: owner, taken: make(map[*taken]bool), news: make(chan struct{}, 1)}
		l.spaces[address] = s
		l.owners[owner]++
	}
	p := &parked{Conn: conn, left: make(chan struct{})}
	s.parked = append(s.parked, p)
	signal(s.news)
	go l.watch(address, s, p)
	return nil
}

// clear forgets a space that nobody uses. The lot is locked.
func (l *lot) clear(address string, s *space) {
	if s.uses > 0 || len(s.parked) > 0 || l.spaces[address] != s {
		return
	}
	delete(l.spaces, address)
	if l.owners[s.owner]--; l.owners[s.owner] == 0 {
		delete(l.owners, s.owner)
	}
}

// watch waits for the end of a parked connection. Taking it ends the watch by a deadline.
func (l *lot) watch(address string, s *space, p *parked) {
	defer close(p.left)
	var b [1]byte
	n, err := p.Read(b[:])
	if n > 0 {
		err = errors.New("a parked connection that speaks")
	}
	p.err = err
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, other := range s.parked {
		if other == p {
			s.parked = append(s.parked[:i], s.parked[i+1:]...)
			p.Conn.Close()
			l.clear(address, s)
			return
		}
	}
}

// take gives the connection that was parked last at an address, and waits a little for one.
func (l *lot) take(ctx context.Context, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, takeTime)
	defer cancel()
	for {
		p, s := l.pull(address)
		switch {
		case s == nil:
			return nil, fmt.Errorf("no client at %s", address)
		case p == nil:
			select {
			case <-s.news:
			case <-ctx.Done():
				return nil, fmt.Errorf("client at %s has parked no connection", address)
			}
			continue
		}
		_ = p.SetReadDeadline(time.Unix(1, 0))
		<-p.left
		if !isTimeout(p.err) || p.SetReadDeadline(time.Time{}) != nil { // it has ended
			p.Conn.Close()
			l.release(address, s)
			continue
		}
		return l.out(address, s, p), nil
	}
}

// out gives a connection away. It still belongs to its owner.
func (l *lot) out(address string, s *space, p *parked) net.Conn {
	t := &taken{Conn: p.Conn}
	t.over = sync.OnceFunc(func() {
		l.mu.Lock()
		delete(s.taken, t)
		l.mu.Unlock()
		l.release(address, s)
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	s.taken[t] = true
	return t
}

// expel ends all connections of an owner, or of all when there is none.
func (l *lot) expel(owner pki.Identity) {
	for _, conn := range l.of(owner) {
		conn.Close()
	}
}

func (l *lot) of(owner pki.Identity) (all []net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.spaces {
		if owner != (pki.Identity{}) && s.owner != owner {
			continue
		}
		for _, p := range s.parked {
			all = append(all, p.NetConn())
		}
		for t := range s.taken {
			all = append(all, t)
		}
	}
	return all
}

func (l *lot) pull(address string) (*parked, *space) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.spaces[address]
	if s == nil || len(s.parked) == 0 {
		return nil, s
	}
	last := len(s.parked) - 1
	p := s.parked[last]
	s.parked = s.parked[:last]
	s.uses++
	return p, s
}

func (l *lot) release(address string, s *space) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.uses--
	l.clear(address, s)
}

// hold keeps an address its owner's for as long as a stream from there lasts. The owner must have parked before.
func (l *lot) hold(owner pki.Identity, address string) (release func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.spaces[address]
	if s == nil || s.owner != owner {
		return nil, errors.New("an address where this client has parked nothing")
	}
	s.uses++
	return sync.OnceFunc(func() { l.release(address, s) }), nil
}

// owner is whom an address belongs to.
func (l *lot) owner(address string) (pki.Identity, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.spaces[address]
	if s == nil {
		return pki.Identity{}, false
	}
	return s.owner, true
}

// taken is a connection on its way out of the lot.
type taken struct {
	net.Conn
	over func()
}

func (t *taken) Close() error {
	defer t.over()
	return t.Conn.Close()
}

func isTimeout(err error) bool {
	var slow net.Error
	return errors.As(err, &slow) && slow.Timeout()
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

package agentlink

import (
	"container/list"
	"net"
	"sync"
	"time"
)

// crowd are the connections of which nobody knows yet whether they are of a node that is expected. When there are too many, the one
// that has been there for longest goes: who knows what to say needs some milliseconds, so that thousands who say nothing keep nobody out.
type crowd struct {
	most     int
	patience time.Duration // with one of them

	mu    sync.Mutex
	there *list.List // of *stranger, the oldest first
	over  bool
}

// stranger is one of them. It stays a connection when it has left the crowd.
type stranger struct {
	net.Conn
	crowd    *crowd
	place    *list.Element // nil: it has left
	patience *time.Timer
}

func newCrowd(most int, patience time.Duration) *crowd {
	return &crowd{most: most, patience: patience, there: list.New()}
}

func (c *crowd) enter(conn net.Conn) *stranger {
	s := &stranger{Conn: conn, crowd: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.patience = time.AfterFunc(c.patience, func() { s.Close() })
	if c.over {
		conn.Close()
	}
	if c.there.Len() >= c.most {
		oldest := c.there.Front().Value.(*stranger)
		oldest.depart()
		oldest.Conn.Close()
	}
	s.place = c.there.PushBack(s)
	return s
}

// close ends those who are there, and who comes later.
func (c *crowd) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	for e := c.there.Front(); e != nil; e = e.Next() {
		e.Value.(*stranger).Conn.Close()
	}
}

// size is how many there are.
func (c *crowd) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.there.Len()
}

// leave takes a connection out of the crowd: it has proved itself, or is over. It is false when the crowd has pushed it out, its time was
// over, or it has left before.
func (s *stranger) leave() bool {
	s.crowd.mu.Lock()
	defer s.crowd.mu.Unlock()
	return s.depart()
}

func (s *stranger) depart() bool {
	s.patience.Stop()
	if s.place == nil {
		return false
	}
	s.crowd.there.Remove(s.place)
	s.place = nil
	return true
}

// Close implements net.Conn.
func (s *stranger) Close() error {
	s.leave()
	return s.Conn.Close()
}

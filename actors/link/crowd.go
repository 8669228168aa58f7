package link

import (
	"container/list"
	"net"
	"sync"
)

// crowd are the connections of which nobody knows yet whose they are. When there are too many, the one that has been there for
// longest goes: who knows what to say needs some milliseconds, so that thousands who say nothing keep nobody out.
type crowd struct {
	most int

	mu    sync.Mutex
	there *list.List // of *stranger, the oldest first
}

// stranger is one of them. It stays a connection when it has left the crowd.
type stranger struct {
	net.Conn
	crowd *crowd
	place *list.Element
	over  func() // once it is closed
}

func newCrowd(most int) *crowd { return &crowd{most: most, there: list.New()} }

func (c *crowd) enter(conn net.Conn) *stranger {
	s := &stranger{Conn: conn, crowd: c, over: func() {}}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.there.Len() >= c.most {
		oldest := c.there.Remove(c.there.Front()).(*stranger)
		oldest.place = nil
		oldest.Conn.Close()
	}
	s.place = c.there.PushBack(s)
	return s
}

// leave takes it out of the crowd. It is false when the crowd has pushed it out, or it has left before.
func (s *stranger) leave() bool {
	s.crowd.mu.Lock()
	defer s.crowd.mu.Unlock()
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
	defer s.over()
	return s.Conn.Close()
}

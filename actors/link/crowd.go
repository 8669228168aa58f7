package link

import (
	"container/list"
	"net"
	"sync"
)

// crowd are the connections of which nobody knows yet whose they are. When there are too many, one goes that has said nothing, or
// when all have said something, any: of either the one that has been there for longest. Who knows what to say needs some
// milliseconds, so that thousands who say nothing keep nobody out.
type crowd struct {
	most int

	mu            sync.Mutex
	silent, heard *list.List // of *stranger, the oldest first
}

// stranger is one of them. It stays a connection when it has left the crowd.
type stranger struct {
	net.Conn
	crowd *crowd
	in    *list.List // where its place is; nil when it has left
	place *list.Element
	over  func() // once it is closed
	once  sync.Once
}

func newCrowd(most int) *crowd { return &crowd{most: most, silent: list.New(), heard: list.New()} }

func (c *crowd) enter(conn net.Conn) *stranger {
	s := &stranger{Conn: conn, crowd: c, over: func() {}}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.silent.Len()+c.heard.Len() >= c.most {
		c.push()
	}
	s.stand(c.silent)
	return s
}

// push makes room for one. The crowd is locked.
func (c *crowd) push() {
	from := c.silent
	if from.Len() == 0 {
		from = c.heard
	}
	oldest := from.Front().Value.(*stranger)
	oldest.stand(nil)
	oldest.Conn.Close()
}

// stand gives it another place, or none. The crowd is locked.
func (s *stranger) stand(in *list.List) {
	if s.in != nil {
		s.in.Remove(s.place)
	}
	if s.in, s.place = in, nil; in != nil {
		s.place = in.PushBack(s)
	}
}

// Read implements net.Conn.
func (s *stranger) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if n > 0 {
		s.once.Do(s.speaks)
	}
	return n, err
}

func (s *stranger) speaks() {
	s.crowd.mu.Lock()
	defer s.crowd.mu.Unlock()
	if s.in == s.crowd.silent {
		s.stand(s.crowd.heard)
	}
}

// leave takes it out of the crowd. It is false when the crowd has pushed it out, or it has left before.
func (s *stranger) leave() bool {
	s.crowd.mu.Lock()
	defer s.crowd.mu.Unlock()
	if s.in == nil {
		return false
	}
	s.stand(nil)
	return true
}

// Close implements net.Conn.
func (s *stranger) Close() error {
	s.leave()
	defer s.over()
	return s.Conn.Close()
}

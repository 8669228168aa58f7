package dirdisk

import (
	"sync"
	"time"

	"github.com/kadeploy/kadeploy/internal/machine/archive"
)

// slow is a disk that takes so many bytes a second, one write after the other, as those that are about to die do. It
// implements archive.Budget: who takes bytes writes them next. Nothing hurries a write that has begun.
type slow struct {
	room archive.Budget // nil: without end
	rate int64          // bytes a second

	mu   sync.Mutex
	idle time.Time // when all that was taken is written
}

// Take returns when a disk of this rate would have written n bytes.
func (s *slow) Take(n int64) error {
	if s.room != nil {
		if err := s.room.Take(n); err != nil {
			return err
		}
	}
	time.Sleep(time.Until(s.written(n)))
	return nil
}

// written queues n bytes and says when they will be on the disk.
func (s *slow) written(n int64) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); s.idle.Before(now) {
		s.idle = now
	}
	s.idle = s.idle.Add(time.Duration(float64(n) / float64(s.rate) * float64(time.Second)))
	return s.idle
}

// Give returns room; a disk forgets at once.
func (s *slow) Give(n int64) {
	if s.room != nil {
		s.room.Give(n)
	}
}

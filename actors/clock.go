package actors

import (
	"sync"
	"time"
)

// clock measures the time of one try; it can be held while the node waits for others.
type clock struct {
	mu      sync.Mutex
	left    time.Duration
	since   time.Time
	timer   *time.Timer
	expired func()
}

// newClock starts a clock that calls expired once its time is over; a time of 0 never is.
func newClock(limit time.Duration, expired func()) *clock {
	c := &clock{left: limit, expired: expired}
	c.resume()
	return c
}

func (c *clock) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left > 0 && c.timer == nil {
		c.since = time.Now()
		c.timer = time.AfterFunc(c.left, c.expired)
	}
}

// hold stops the clock until resume.
func (c *clock) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil && c.timer.Stop() {
		c.left = max(c.left-time.Since(c.since), time.Millisecond)
		c.timer = nil
	}
}

func (c *clock) stop() { c.hold() }

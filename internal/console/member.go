package console

import (
	"context"
	"fmt"
	"sync"
)

// Member is one user at a console.
type Member struct {
	hub     *Hub
	console *console
	user    string
	warned  bool // that what he types goes nowhere; the hub's

	ctx    context.Context // over when the membership is ended; what is in the queue may still be told
	cancel context.CancelFunc
	news   chan struct{}

	mu    sync.Mutex
	queue []frame
	size  int // bytes of data in it
	lost  int // bytes that had no room, and came after it
}

// maxQueue bounds the frames that wait, of which the last may be the end.
const maxQueue = 1000

func newMember(h *Hub, c *console, user string) *Member {
	m := &Member{hub: h, console: c, user: user, news: make(chan struct{}, 1)}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	return m
}

// data queues bytes of the console. Once some had no room, all have none until the queue is taken: what is told is told in order.
func (m *Member) data(p []byte) {
	if len(p) == 0 || m.ctx.Err() != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	last := len(m.queue) - 1
	switch {
	case m.lost > 0 || m.size+len(p) > m.hub.cfg.Buffer || last >= maxQueue:
		m.lost += len(p)
		return
	case last >= 0 && m.queue[last].kind == kindData:
		m.queue[last].payload = append(m.queue[last].payload, p...)
	default:
		m.queue = append(m.queue, frame{kindData, append([]byte(nil), p...)})
	}
	m.size += len(p)
	m.wake()
}

// notice queues a line for the user, unless there are too many.
func (m *Member) notice(text string) {
	if m.ctx.Err() == nil {
		m.put(kindNotice, text)
	}
}

// end ends the membership. The first reason counts.
func (m *Member) end(why string) {
	if m.ctx.Err() == nil {
		m.cancel()
		m.put(kindEnd, why)
	}
}

func (m *Member) put(kind byte, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) >= maxQueue && kind != kindEnd {
		return
	}
	m.queue = append(m.queue, frame{kind, []byte(text)})
	m.wake()
}

func (m *Member) wake() {
	select {
	case m.news <- struct{}{}:
	default:
	}
}

// take empties the queue.
func (m *Member) take() []frame {
	m.mu.Lock()
	defer m.mu.Unlock()
	frames := m.queue
	if m.lost > 0 {
		told := frame{kindNotice, fmt.Appendf(nil, "%d bytes lost: they came faster than you took them", m.lost)}
		if last := len(frames) - 1; last >= 0 && frames[last].kind == kindEnd {
			frames = append(frames[:last], told, frames[last])
		} else {
			frames = append(frames, told)
		}
	}
	m.queue, m.size, m.lost = nil, 0, 0
	return frames
}

// typed gives what the user types to the source, and waits until it is taken. From who does not write it goes nowhere.
func (m *Member) typed(p []byte) {
	m.hub.mu.Lock()
	c := m.console
	writes := c.writer == m && m.ctx.Err() == nil
	if !writes && !m.warned {
		m.warned = true
		m.notice(c.whoWrites())
	}
	m.hub.mu.Unlock()
	if !writes {
		return
	}
	select {
	case c.input <- p:
	case <-m.ctx.Done():
	case <-c.ctx.Done():
	}
}

// claim asks to write.
func (m *Member) claim() {
	m.hub.mu.Lock()
	defer m.hub.mu.Unlock()
	if m.console.writer != m {
		m.hub.claim(m)
	}
}

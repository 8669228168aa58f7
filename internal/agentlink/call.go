package agentlink

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
)

// abortGrace is how long a call whose context ended waits for the agent's word that the order has stopped.
const abortGrace = 2 * time.Second

// call is one order under way; reports of any other are dropped.
type call struct {
	order   uint64
	reports chan *agentpb.FromAgent
	over    chan struct{}
}

// exchange sends the order and awaits its result. Once the sending has begun the order may reach the agent, so it is aborted
// when ctx ends; an agent that never saw the order ignores that.
func (s *Session) exchange(ctx context.Context, o *agentpb.Order, c *call, progress func(*agentpb.Progress)) (*agentpb.Result, error) {
	err := s.send(ctx, &agentpb.ToAgent{Body: &agentpb.ToAgent_Order{Order: o}})
	var result *agentpb.Result
	if err == nil {
		result, err = s.await(ctx, c, progress)
	}
	if err != nil && ctx.Err() != nil {
		return nil, s.abort(c, context.Cause(ctx))
	}
	return result, err
}

func (s *Session) begin(o *agentpb.Order) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	s.kept = nil
	o.Id = s.last
	s.call = &call{order: o.Id, reports: make(chan *agentpb.FromAgent), over: make(chan struct{})}
	return s.call
}

func (s *Session) finish(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.call = nil
	close(c.over)
}

// await takes reports until the result. A result that is there wins over a context that ends at the same time.
func (s *Session) await(ctx context.Context, c *call, progress func(*agentpb.Progress)) (*agentpb.Result, error) {
	for {
		select {
		case m := <-c.reports:
			if r := m.GetResult(); r != nil {
				return r, nil
			}
			if progress != nil {
				progress(m.GetProgress())
			}
		case <-s.done:
			return nil, s.Err()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// abort has the agent stop for a cause, which it returns once the agent has. One that does not say so in time obeys nobody any
// more, and may still write to its disk: the session ends.
func (s *Session) abort(c *call, cause error) error {
	ctx, cancel := context.WithTimeout(context.Background(), abortGrace)
	defer cancel()
	err := s.send(ctx, &agentpb.ToAgent{Body: &agentpb.ToAgent_Abort{Abort: &agentpb.Abort{Order: c.order}}})
	if err == nil {
		_, err = s.await(ctx, c, nil)
	}
	if err == nil {
		return cause
	}
	s.end(fmt.Errorf("%w: it did not abort its order within %s", ErrAway, abortGrace))
	return fmt.Errorf("%w: %w", s.Err(), cause)
}

// send hands a message to the stream. Send blocks while the agent does not read; then its goroutine ends with the stream.
func (s *Session) send(ctx context.Context, m *agentpb.ToAgent) error {
	select {
	case s.sending <- struct{}{}:
	case <-s.done:
		return s.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	sent := make(chan error, 1)
	go func() {
		sent <- s.transmit(m)
		<-s.sending
	}()
	select {
	case err := <-sent:
		if err != nil {
			s.end(broken(err))
			return s.Err()
		}
		return nil
	case <-s.done:
		return s.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Session) transmit(m *agentpb.ToAgent) (err error) {
	defer recovered(s.log, s.node, &err)
	return s.stream.Send(m)
}

// receive hands reports to the call they belong to until the stream ends.
func (s *Session) receive() {
	for {
		m, err := s.stream.Recv()
		switch {
		case err == io.EOF:
			s.end(nil)
			return
		case err != nil:
			s.end(broken(err))
			return
		case m.GetResult() == nil && m.GetProgress() == nil:
			s.end(fmt.Errorf("%w: it sent neither Progress nor Result", ErrLost))
			return
		}
		s.deliver(m)
	}
}

func (s *Session) deliver(m *agentpb.FromAgent) {
	order := m.GetProgress().GetOrder()
	if r := m.GetResult(); r != nil {
		order = r.Order
	}
	s.mu.Lock()
	c := s.call
	s.mu.Unlock()
	if c == nil || c.order != order {
		return
	}
	select {
	case c.reports <- m:
	case <-c.over:
	case <-s.done:
	}
}

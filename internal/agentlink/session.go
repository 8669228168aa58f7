package agentlink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
)

// abortGrace is how long a call whose context ended waits for the agent's word that the order has stopped.
const abortGrace = 2 * time.Second

// ErrLost says that the agent's stream ended: until the node boots again nothing reaches it.
var ErrLost = errors.New("agent lost")

// Session is the line to one boot of one node. Its methods are safe for concurrent use.
type Session struct {
	node, version string
	secret        []byte // names the session in Fetch
	stream        agentpb.Agents_SessionServer

	turn    chan struct{} // held by the Do under way
	sending chan struct{} // held by the Send under way

	ending sync.Once
	done   chan struct{}
	err    error         // why it ended; read after done
	left   chan struct{} // closed when Left has returned

	mu     sync.Mutex
	offers map[string]string // name -> path
	last   uint64            // number of the last order
	call   *call
}

// call is one order under way; reports of any other are dropped.
type call struct {
	order   uint64
	reports chan *agentpb.FromAgent
	over    chan struct{}
}

// Node is the name the agent was admitted with.
func (s *Session) Node() string { return s.node }

// Version is what the agent said it is.
func (s *Session) Version() string { return s.version }

// Done is closed when the session has ended.
func (s *Session) Done() <-chan struct{} { return s.done }

// Close ends the session: the agent gives up its work and exits.
func (s *Session) Close() { s.end(fmt.Errorf("%w: session closed by the server", ErrLost)) }

// Offer lets this session, and no other, fetch the file at path under a name.
func (s *Session) Offer(name, path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offers[name] = path
}

// Do gives an order and returns its result, also when the result says that it failed. Orders of one session are done
// one after the other: a second Do waits for the first.
//
// The order's id is set here, and its timeout when it has none but ctx has. Progress reports are given to progress (nil:
// dropped) on the caller's goroutine. When ctx ends the agent is told to abort and has 2 s to say so, then Do returns
// with ctx's cause; when the stream ends, with ErrLost.
func (s *Session) Do(ctx context.Context, order *agentpb.Order, progress func(*agentpb.Progress)) (*agentpb.Result, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-s.done:
		return nil, s.lost()
	case <-ctx.Done():
		return nil, fmt.Errorf("order %s for %s waited for its turn: %w", order.GetStep(), s.node, context.Cause(ctx))
	}
	o := proto.CloneOf(order)
	c := s.begin(o)
	defer s.finish(c)
	if at, ok := ctx.Deadline(); ok && o.Timeout == nil {
		o.Timeout = durationpb.New(time.Until(at))
	}
	result, err := s.exchange(ctx, o, c, progress)
	if err != nil {
		return nil, fmt.Errorf("order %s for %s: %w", o.Step, s.node, err)
	}
	return result, nil
}

// exchange sends the order and awaits its result. Once the sending has begun the order may reach the agent, so every end
// but the stream's own aborts it; an agent that never saw the order ignores that.
func (s *Session) exchange(ctx context.Context, o *agentpb.Order, c *call, progress func(*agentpb.Progress)) (*agentpb.Result, error) {
	err := s.send(ctx, &agentpb.ToAgent{Body: &agentpb.ToAgent_Order{Order: o}})
	var result *agentpb.Result
	if err == nil {
		result, err = s.await(ctx, c, progress)
	}
	if err != nil && !errors.Is(err, ErrLost) {
		s.abort(c)
	}
	return result, err
}

func (s *Session) begin(o *agentpb.Order) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
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
			return nil, s.lost()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// abort tells the agent to stop and gives it a moment to do so; whether it did shows with the next order.
func (s *Session) abort(c *call) {
	ctx, cancel := context.WithTimeout(context.Background(), abortGrace)
	defer cancel()
	if s.send(ctx, &agentpb.ToAgent{Body: &agentpb.ToAgent_Abort{Abort: &agentpb.Abort{Order: c.order}}}) == nil {
		s.await(ctx, c, nil)
	}
}

// send hands a message to the stream. Send blocks while the agent does not read; then its goroutine ends with the stream.
func (s *Session) send(ctx context.Context, m *agentpb.ToAgent) error {
	select {
	case s.sending <- struct{}{}:
	case <-s.done:
		return s.lost()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	sent := make(chan error, 1)
	go func() {
		sent <- s.stream.Send(m)
		<-s.sending
	}()
	select {
	case err := <-sent:
		if err != nil {
			s.end(fmt.Errorf("%w: %s", ErrLost, reason(err)))
			return s.lost()
		}
		return nil
	case <-s.done:
		return s.lost()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
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
			s.end(fmt.Errorf("%w: %s", ErrLost, reason(err)))
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

func (s *Session) end(err error) {
	s.ending.Do(func() {
		s.err = err
		close(s.done)
	})
}

// lost is the error of a call that met the end of the session.
func (s *Session) lost() error {
	if s.err == nil {
		return fmt.Errorf("%w: it said goodbye", ErrLost)
	}
	return s.err
}

func (s *Session) open(name string) (*os.File, error) {
	s.mu.Lock()
	path, ok := s.offers[name]
	s.mu.Unlock()
	if !ok {
		return nil, errors.New("not offered to this session")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return f, nil
}

// reason takes the text out of a gRPC error.
func reason(err error) string {
	if st, ok := status.FromError(err); ok {
		return st.Message()
	}
	return err.Error()
}

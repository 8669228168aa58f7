package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
)

var (
	errAborted   = errors.New("aborted by the server")
	errTimeout   = errors.New("timed out")
	errStreamEnd = errors.New("the server is gone")
	errAway      = errors.New("the connection broke") // the server has not said that it is over
)

// loop is the one goroutine that knows what the agent is doing.
type loop struct {
	config *Config
	link   *link
	life   context.Context // of the agent, and of an order that is kept

	incoming chan *agentpb.ToAgent // closed when the stream has ended
	lost     error                 // why; read after incoming was closed
	current  *work                 // nil: idle
	kept     *work                 // under way, current or not, or over; nil: there is none
}

func newLoop(life context.Context, c *Config, l *link, kept *work) *loop {
	return &loop{config: c, link: l, life: life, kept: kept, incoming: make(chan *agentpb.ToAgent)}
}

// run obeys until the stream ends or a reboot was ordered. Only an order that is kept may be under way then, if the agent is to call again.
func (p *loop) run() (End, error) {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		p.read()
	}()
	defer func() {
		p.link.close() // frees read
		<-stopped
	}()
	for {
		select {
		case m, ok := <-p.incoming:
			if !ok {
				if !errors.Is(p.lost, errAway) || p.link.reconnect <= 0 {
					p.drop(errStreamEnd)
				}
				p.giveUp(errStreamEnd)
				return EndLost, fmt.Errorf("lost the server at %s: %w", p.config.Server, p.lost)
			}
			if err := p.obey(m); err != nil {
				p.drop(err)
				p.giveUp(err)
				return EndLost, err
			}
		case <-p.done():
			w := p.current
			p.current = nil // before the answer: the next order may follow it at once
			if w.hang {
				continue
			}
			if err := p.link.send(w.answer()); err == nil && w.end != EndLost {
				return p.leave(w.end)
			} // a Send that failed is followed by the end of the stream
		}
	}
}

// done is closed when the order under way is over.
func (p *loop) done() <-chan struct{} {
	if p.current == nil {
		return nil
	}
	return p.current.done
}

// read hands the server's messages over until the stream ends.
func (p *loop) read() {
	defer close(p.incoming)
	for {
		m, err := p.link.stream.Recv()
		if err != nil {
			p.lost = errors.New(status.Convert(err).Message())
			if status.Code(err) == codes.Unavailable {
				p.lost = fmt.Errorf("%w: %w", errAway, p.lost)
			}
			return
		}
		select {
		case p.incoming <- m:
		case <-p.link.ctx.Done():
			p.lost = context.Cause(p.link.ctx)
			return
		}
	}
}

func (p *loop) obey(m *agentpb.ToAgent) error {
	if a := m.GetAbort(); a != nil && p.current != nil && p.current.id == a.Order {
		p.current.cancel(errAborted)
		if p.kept == p.current {
			p.kept = nil
		}
	}
	o := m.GetOrder()
	if o == nil {
		return nil
	}
	if p.current != nil {
		p.refuse(o, fmt.Sprintf("order %d (%s) is still running", p.current.id, p.current.order.Step))
		return nil
	}
	if p.kept != nil {
		switch again, err := p.kept.is(o); {
		case err != nil:
			p.refuse(o, err.Error())
			return nil
		case again:
			p.config.Log.Info("order again", "id", o.Id, "step", o.Step)
			p.current = p.kept
			p.current.attach(p.link, o.Id)
			return nil
		}
	}
	w := newWork(p, o)
	switch p.fault(o.Step) {
	case "agent-crash":
		if p.config.Crash != nil {
			p.config.Crash()
		}
		return ErrCrashed
	case "hung-order":
		w.hang = true
	}
	p.config.Log.Info("order", "id", o.Id, "step", o.Step)
	go w.run(p.kept)
	p.current, p.kept = w, nil
	if w.keeps() {
		p.kept = w
	}
	return nil
}

// refuse answers an order that is not begun.
func (p *loop) refuse(o *agentpb.Order, why string) {
	text := fmt.Sprintf("order %d (%s) refused: %s", o.Id, o.Step, why)
	p.link.send(result(&agentpb.Result{Order: o.Id, Error: text})) // one that fails is followed by the end of the stream
}

// fault says which misbehaviour is due, and that it has been.
func (p *loop) fault(step string) string {
	i := slices.IndexFunc(p.config.Faults, func(f Fault) bool { return f.Step == step })
	if i < 0 {
		return ""
	}
	kind := p.config.Faults[i].Kind
	p.config.Faults = slices.Delete(p.config.Faults, i, i+1)
	p.config.Log.Warn("fault", "kind", kind, "step", step)
	return kind
}

// giveUp cancels the order under way and waits for it, unless it is kept.
func (p *loop) giveUp(cause error) {
	p.link.cancel(cause)
	if p.current != p.kept {
		p.current.stop(cause)
	}
}

// leave says goodbye after the result was sent. The server hanging up in turn proves that it has read it.
func (p *loop) leave(end End) (End, error) {
	p.link.goodbye()
	late := time.NewTimer(pingTimeout)
	defer late.Stop()
	for {
		select {
		case _, ok := <-p.incoming:
			if !ok {
				return end, nil
			}
		case <-late.C:
			return end, nil
		}
	}
}

func result(r *agentpb.Result) *agentpb.FromAgent {
	return &agentpb.FromAgent{Body: &agentpb.FromAgent_Result{Result: r}}
}

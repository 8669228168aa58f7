package agent

import (
	"bytes"
	"errors"

	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
)

// A connection that breaks does not stop an order that the server has given a name (Order.keep): the agent has one kept order at most,
// which is under way or has gone well. It tells of it when it calls again, goes on with it when it is given once more, and lets go of it,
// ending it, when it is given any other.

var errSuperseded = errors.New("the server gave another order")

// keeps says whether the order outlives the connection.
func (w *work) keeps() bool { return len(w.order.Keep) > 0 }

// is says whether an order is the one under way, given once more. That it has the name of it and is another is an error.
func (w *work) is(o *agentpb.Order) (bool, error) {
	if !bytes.Equal(w.order.Keep, o.Keep) {
		return false, nil
	}
	again := proto.CloneOf(o)
	again.Id, again.Timeout = w.order.Id, w.order.Timeout
	if !proto.Equal(w.order, again) {
		return false, errors.New("it differs from the order that was given by this name before")
	}
	return true, nil
}

// attach makes the order speak over a connection, by the id that it has there. Its listener is told again.
func (w *work) attach(l *link, id uint64) {
	w.mu.Lock()
	w.to, w.id = l, id
	listening := w.listening
	w.mu.Unlock()
	if listening != "" {
		w.report(&agentpb.Progress{Listening: listening})
	}
}

// over says whether the order has ended; then its result may be read.
func (w *work) over() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// told is what the server is told of a kept order; nil when there is none, or it has failed.
func (w *work) told() *agentpb.Kept {
	if w == nil || w.over() && !w.result.GetOk() {
		return nil
	}
	r := w.order.GetReceive()
	return &agentpb.Kept{Name: w.order.Keep, Transfer: r.GetTransfer(), Key: r.GetKey(), Tls: r.GetTls()}
}

// stop ends the order, if there is one, and waits for it.
func (w *work) stop(cause error) {
	if w != nil {
		w.cancel(cause)
		<-w.done
	}
}

// drop ends the order that is kept.
func (p *loop) drop(cause error) {
	p.kept.stop(cause)
	if p.current == p.kept {
		p.current = nil
	}
	p.kept = nil
}

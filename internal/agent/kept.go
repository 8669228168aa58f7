package agent

import (
	"bytes"
	"cmp"
	"errors"

	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/chain"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
)

// A connection that breaks does not stop an order that the server has given a name (Order.keep): the agent has one kept order at most,
// which is under way or has ended. It tells of it when it calls again, goes on with it when it is given once more, and lets go of it,
// ending it, when it is given any other, or told to abort it.

var errSuperseded = errors.New("the server gave another order")

// keeps says whether the order outlives the connection.
func (w *work) keeps() bool { return len(w.order.Keep) > 0 }

// is says whether an order is the one that is kept, given once more. That it has the name of it and is another is an error, unless the one
// that is kept has failed.
func (w *work) is(o *agentpb.Order) (bool, error) {
	if !bytes.Equal(w.order.Keep, o.Keep) {
		return false, nil
	}
	again := proto.CloneOf(o)
	again.Id, again.Timeout = w.order.Id, w.order.Timeout
	switch {
	case proto.Equal(w.order, again):
		return true, nil
	case w.failed():
		return false, nil
	}
	return false, errors.New("it differs from the order that was given by this name before")
}

// attach makes the order speak over a connection, by the id that it has there. Its listener is told again, while there is one.
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

// failed says whether the order has ended, and not well.
func (w *work) failed() bool { return w.over() && !w.result.GetOk() }

// isForsaken says whether an order failed by no fault of this node: nobody fed its link of the chain any more.
func isForsaken(err error) bool {
	var f *chain.ForsakenError
	return errors.As(err, &f)
}

// told is what the server is told of a kept order; nil when there is none.
func (w *work) told() *agentpb.Kept {
	if w == nil {
		return nil
	}
	r := w.order.GetReceive()
	kept := &agentpb.Kept{Name: w.order.Keep, Transfer: r.GetTransfer(), Key: r.GetKey(), Tls: r.GetTls()}
	if w.failed() {
		kept.Error, kept.Forsaken = cmp.Or(w.result.GetError(), "it failed"), w.forsaken
	}
	return kept
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

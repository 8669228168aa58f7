package chain

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// callAnswer is what came of a call: a connection on which the head will feed us, or none.
type callAnswer struct {
	why   why
	cause string
	wire  *wire
	err   error
}

// errStay is the head's answer to a link that belongs to the chain as yet.
var errStay = errors.New("the head wants it to stay in the chain")

// ask calls the head: the link has left the chain, or would like to. It stays where it is until the head agrees.
func (l *link) ask(ctx context.Context, why why, cause string) {
	if !l.mayCall() {
		return
	}
	p := l.plan.Load()
	j := join{why, p.name(p.index), cause}
	l.wg.Go(func() {
		w, err := l.callHead(ctx, p.head, j)
		if !l.post(ctx, event{kind: evAnswer, answer: callAnswer{why, cause, w, err}}) && w != nil {
			w.conn.Close()
		}
	})
}

// because says for people why the link calls the head by itself.
func (l *link) because(why why) string {
	switch why {
	case whySlowDisk:
		return fmt.Sprintf("its disk is slower than the chain: its ring of %s was full for %v", size(l.cfg.Ring), l.cfg.SlowSink)
	case whyWriting:
		return "it has the whole image and still writes it"
	}
	return l.lost
}

func (l *link) callHead(ctx context.Context, addr string, j join) (*wire, error) {
	w, _, err := dial(ctx, l.dialer, addr, l.secret, roleJoin, l.timing.dial)
	if err != nil {
		return nil, fmt.Errorf("call the head: %w", err)
	}
	defer context.AfterFunc(ctx, func() { w.conn.Close() })()
	var a admit
	if err = w.control(kindJoin, 0, j.encode()); err == nil {
		var b []byte
		if _, b, err = w.expect(kindAdmit, l.timing.stall); err == nil {
			a, err = decodeAdmit(b)
		}
	}
	if err == nil && !a.come {
		err = errStay
	}
	if err != nil {
		w.conn.Close()
		return nil, err
	}
	return w, nil
}

// answered goes on with what the head said.
func (l *link) answered(ctx context.Context, a callAnswer) {
	switch {
	case l.place.answered(time.Now(), a.why, a.err == nil):
		l.leave(a.cause)
		l.adopt(ctx, newFeed(a.wire, headIndex, "the head"))
	case a.err == nil:
		a.wire.conn.Close()
	}
}

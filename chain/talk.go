package chain

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// heard is what the listening half of a feeder tells its sending half.
type heard struct {
	offset int64
	want   want
	end    *ending // the connection is over
}

// talk sends frames to link i until the connection ends. Another goroutine listens, always, so that a full pipe is not taken for
// a dead link: a link that cannot take bytes still sends its heartbeat.
func (f *feeder) talk(w *wire, i int) ending {
	in, stop, listening := make(chan heard), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(listening)
		f.listen(w, i, in, stop)
	}()
	defer func() { close(stop); w.conn.Close(); <-listening }()
	ping := time.NewTicker(f.timing.stall / 4)
	defer ping.Stop()
	always := make(chan struct{})
	close(always)

	var due *heard // a want without answer
	var flowing bool
	for {
		if due != nil {
			answered, err := f.answer(w, *due)
			if errors.Is(err, errSource) {
				return ending{kind: endFatal, err: err}
			}
			if err != nil {
				return hangup(in, err)
			}
			if answered {
				due, flowing = nil, true
			}
		}
		var offset int64
		var next []byte
		var more chan struct{}
		if flowing {
			var err error
			if offset, next, err = f.source.peek(); err != nil {
				return ending{kind: endFatal, err: err}
			}
			if next != nil {
				more = always
			}
		}
		var err error
		select {
		case <-more:
			if err = w.data(offset, next); err == nil {
				f.source.sent(len(next))
			}
		case h := <-in:
			if h.end != nil {
				return *h.end
			}
			due, flowing = &h, false
		case <-f.source.wake():
		case <-ping.C:
			err = w.control(kindPing, 0, nil)
		case <-f.bye:
			return f.part(w, in, kindBye, nil)
		case cause := <-f.abort:
			return f.part(w, in, kindAbort, appendText(nil, clip(cause)))
		}
		if err != nil {
			return hangup(in, err)
		}
	}
}

// answer begins to serve a want. A chunk that arrived corrupt is sent again only when this end knows its own copy to be right.
func (f *feeder) answer(w *wire, h heard) (bool, error) {
	s := start{serial: h.want.serial}
	if h.want.reason == wantCorrupt {
		ok, wasCorrupt, err := f.source.vouch(h.offset)
		if err != nil || !ok {
			return false, err
		}
		s.inherited = wasCorrupt
	}
	return true, w.control(kindStart, f.source.serve(h.offset), s.encode())
}

// part says the last word and waits for the link to close.
func (f *feeder) part(w *wire, in chan heard, k kind, payload []byte) ending {
	if w.control(k, 0, payload) == nil {
		limit := time.After(f.timing.stall)
		for over := false; !over; {
			select {
			case h := <-in:
				over = h.end != nil
			case <-limit:
				over = true
			}
		}
	}
	return ending{kind: endDone}
}

// hangup finds out why a write failed: the listening half has the better account, and has it soon if the connection is dead.
func hangup(in chan heard, err error) ending {
	limit := time.After(partingTime)
	for {
		select {
		case h := <-in:
			if h.end != nil {
				return *h.end
			}
		case <-limit:
			return ending{kind: endBroken, cause: short(err)}
		}
	}
}

// listen reads what the link says until the connection ends, then closes it so that the sending half does not hang in a write.
func (f *feeder) listen(w *wire, i int, in chan<- heard, stop <-chan struct{}) {
	for {
		h, end := f.hear(w, i)
		if end != nil {
			w.conn.Close()
			h = &heard{end: end}
		}
		if h != nil {
			select {
			case in <- *h:
			case <-stop:
				return
			}
		}
		if end != nil {
			return
		}
	}
}

func (f *feeder) hear(w *wire, i int) (*heard, *ending) {
	h, err := w.next(f.timing.stall)
	if err != nil {
		return nil, f.readEnding(err)
	}
	if h.kind == kindData {
		return nil, &ending{kind: endLost, cause: "sent data towards the head"}
	}
	b, err := w.payload(h)
	if err != nil {
		return nil, f.readEnding(err)
	}
	switch h.kind {
	case kindWant:
		wanted, err := decodeWant(b)
		if err != nil || h.offset > f.size {
			return nil, &ending{kind: endLost, cause: fmt.Sprintf("asked for offset %d of %d", h.offset, f.size)}
		}
		return &heard{offset: h.offset, want: wanted}, nil
	case kindStatus:
		all, err := decodeStatus(b)
		if err != nil {
			return nil, &ending{kind: endLost, cause: err.Error()}
		}
		for _, n := range all {
			if n.index > f.self { // nobody below speaks for those above
				f.table.tell(n.index, n.entry)
			}
		}
		return nil, nil
	case kindRefuse:
		r, err := decodeRefusal(b)
		if err != nil {
			return nil, &ending{kind: endLost, cause: err.Error()}
		}
		if !r.final {
			return nil, &ending{kind: endDone, cause: r.cause}
		}
		f.table.tell(i, entry{state: Failed, cause: r.cause})
		return nil, &ending{kind: endLost, cause: r.cause}
	}
	return nil, &ending{kind: endLost, cause: fmt.Sprintf("sent a frame of kind %d towards the head", h.kind)}
}

func (f *feeder) readEnding(err error) *ending {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &ending{kind: endLost, cause: fmt.Sprintf("silent for %v", f.timing.stall)}
	case isBreak(err):
		return &ending{kind: endBroken, cause: short(err)}
	}
	return &ending{kind: endLost, cause: short(err)}
}

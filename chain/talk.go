package chain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// heard is what the listening half of a feeder leaves for its sending half: the latest want, and the end of the connection. Nobody
// waits for it to be taken: whoever listens has to notice when the link falls silent while the other half hangs in a write.
type heard struct {
	mu   sync.Mutex
	want *due
	end  *ending
	full bool          // the link has no room
	news chan struct{} // for want and end
}

// due is a want without answer.
type due struct {
	want
	offset int64
}

func (h *heard) asks(d *due) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.want = d
	signal(h.news)
}

func (h *heard) ends(e *ending) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.end = e
	signal(h.news)
}

func (h *heard) hasRoom(yes bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.full = !yes
}

// take returns what is new; a want is returned once.
func (h *heard) take() (*due, *ending) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.want
	h.want = nil
	return d, h.end
}

func (h *heard) isFull() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.full
}

// talk is one conversation of a feeder with link i. Its sending half owns it; another goroutine listens, always, so that a full pipe is
// not taken for a dead link: a link that cannot take bytes still sends its heartbeat.
type talk struct {
	f       *feeder
	w       *wire
	heard   heard
	due     *due
	flowing bool
	told    int  // digests that the link knows
	whole   bool // it knows the image's end, too
	look    looker
}

// always is never empty.
var always = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// talk sends frames to link i until the connection ends.
func (f *feeder) talk(ctx context.Context, w *wire, i int) ending {
	listening := make(chan struct{})
	t := &talk{f: f, w: w, heard: heard{news: make(chan struct{}, 1)}, look: looker{f: f, w: w, ctx: ctx, to: i}}
	go func() {
		defer close(listening)
		f.listen(w, &t.heard)
	}()
	defer func() { w.conn.Close(); <-listening }()
	ping, look := time.NewTicker(f.timing.stall/4), time.NewTicker(lookEvery)
	defer ping.Stop()
	defer look.Stop()
	for {
		if end := t.turn(ping.C, look.C); end != nil {
			return *end
		}
	}
}

// turn does the one thing that is next, or waits for it.
func (t *talk) turn(ping, look <-chan time.Time) *ending {
	f := t.f
	select { // the last word does not wait for its turn among bytes
	case <-f.bye:
		return t.part(kindBye, nil)
	case a := <-f.abort:
		return t.part(kindAbort, a.encode())
	default:
	}
	wake := f.source.wake() // before looking, so that nothing is missed
	if t.due != nil {
		if err := t.answer(); err != nil {
			return t.broke(err)
		}
	}
	offset, next, more, err := t.next()
	if err != nil {
		return t.broke(err)
	}
	select {
	case <-more:
		err = t.send(offset, next)
	case <-t.heard.news:
		return t.take()
	case <-wake:
	case now := <-look:
		if f.lookout {
			return t.aside(t.look.tick(now, t.flowing && next != nil, t.heard.isFull()))
		}
	case other := <-t.look.results:
		return t.aside(t.look.seen(time.Now(), other))
	case <-ping:
		err = t.w.control(kindPing, 0, nil)
	case <-f.bye:
		return t.part(kindBye, nil)
	case a := <-f.abort:
		return t.part(kindAbort, a.encode())
	}
	if err != nil {
		return t.broke(err)
	}
	return nil
}

// next is what could be sent now; more is nil when there is nothing, and otherwise yields the permission to send it. There are no bytes
// at the image's end, of which the link is told once.
func (t *talk) next() (offset int64, p []byte, more <-chan struct{}, err error) {
	if !t.flowing {
		return 0, nil, nil, nil
	}
	offset, p, err = t.f.source.peek()
	switch {
	case err != nil || p == nil && t.whole:
		return 0, nil, nil, err
	case p == nil:
		if _, size := t.f.index.end(); size == noEnd || offset != size {
			return 0, nil, nil, nil
		}
		return offset, nil, always, nil
	case t.f.permits != nil:
		return offset, p, t.f.permits, nil
	}
	return offset, p, always, nil
}

// send sends bytes of the image, after the digests of what they belong to; without bytes, what the link does not know of the image.
func (t *talk) send(offset int64, p []byte) error {
	if err := t.describe(offset + int64(len(p))); err != nil {
		return err
	}
	if p == nil {
		t.whole = true
		_, size := t.f.index.end()
		return t.w.control(kindEnd, size, nil)
	}
	if err := t.w.data(offset, p); err != nil {
		return err
	}
	t.f.source.sent(len(p))
	return nil
}

// take handles what the link said.
func (t *talk) take() *ending {
	d, end := t.heard.take()
	if d != nil {
		t.due, t.flowing = d, false
		t.f.index.want(int64(d.known) * t.f.index.chunk)
	}
	return end
}

// answer begins to serve a want. It must be of the same image, and a chunk that arrived corrupt is sent again only when this end
// knows its own copy to be right: until then the want stays due.
func (t *talk) answer() error {
	asked := t.due
	same, err := t.f.index.agrees(asked.known, asked.prefix)
	if err == nil && !same {
		t.f.source.detach() // it knows more than we do: who waited for it would never learn that
	}
	if err != nil || !same {
		return err
	}
	if asked.offset > t.f.index.limit() { // beyond what it knows itself to be there
		return errAnother
	}
	s := start{serial: asked.serial}
	if asked.reason == wantCorrupt {
		ok, wasCorrupt, err := t.f.source.vouch(asked.offset)
		if err != nil || !ok {
			return err
		}
		s.inherited = wasCorrupt
	}
	offset := t.f.source.serve(asked.offset)
	t.due, t.flowing, t.told, t.whole = nil, true, asked.known, false
	if err := t.describe(offset); err != nil { // what lies before the start, the link gets elsewhere, and has to verify
		return err
	}
	return t.w.control(kindStart, offset, s.encode())
}

// describe tells the link the digests of all chunks before offset that it does not know.
func (t *talk) describe(offset int64) error {
	chunk := t.f.index.chunk
	for int64(t.told)*chunk < offset {
		digests := t.f.index.after(t.told, maxDigests)
		if len(digests) == 0 {
			return nil // it knows more than we do
		}
		if err := t.w.control(kindDigests, int64(t.told), encodeDigests(digests)); err != nil {
			return err
		}
		t.told += len(digests)
	}
	return nil
}

// aside ends the conversation with a link whose connection is too slow, when there is a cause.
func (t *talk) aside(cause string) *ending {
	if cause == "" {
		return nil
	}
	_ = t.w.conn.SetWriteDeadline(time.Now().Add(lookEvery)) // bytes may be in the way; it will notice without this word, too
	_ = t.w.control(kindSkip, 0, appendText(nil, clip(cause)))
	t.w.reset() // what is still queued would go on using the way for nothing
	return &ending{kind: endLost, cause: cause}
}

// part says the last word and waits for the link to close.
func (t *talk) part(k kind, payload []byte) *ending {
	if t.w.control(k, 0, payload) == nil {
		t.awaitEnd(t.f.timing.stall)
	}
	return &ending{kind: endDone}
}

// awaitEnd waits for the end of the connection, for a while.
func (t *talk) awaitEnd(limit time.Duration) *ending {
	over := time.After(limit)
	for {
		if _, end := t.heard.take(); end != nil {
			return end
		}
		select {
		case <-t.heard.news:
		case <-over:
			return nil
		}
	}
}

// broke finds out why something failed. A fault of the source ends nothing yet. Of a write the listening half has the better account, and
// has it soon if the connection is dead.
func (t *talk) broke(err error) *ending {
	switch {
	case errors.Is(err, errSource):
		t.fault(err)
		return nil
	case errors.Is(err, errAnother):
		_ = t.w.control(kindAbort, 0, abort{true, "the broadcast goes on with another image"}.encode())
		return &ending{kind: endLost, cause: "it has begun with another image"}
	}
	if end := t.awaitEnd(partingTime); end != nil {
		return end
	}
	return &ending{kind: endBroken, cause: short(err)}
}

// fault tells the owner that the source has failed, and has no more to send. What the link is told of it is the owner's to say, so it is kept
// until then.
func (t *talk) fault(err error) {
	t.due, t.flowing = nil, false
	select {
	case t.f.faults <- err:
	default: // the owner has heard of it
	}
}

// listen reads what the link says until the connection ends, then closes it so that the sending half does not hang in a write.
func (f *feeder) listen(w *wire, in *heard) {
	for {
		if end := f.hear(w, in); end != nil {
			w.conn.Close()
			in.ends(end)
			return
		}
	}
}

// hear takes one frame.
func (f *feeder) hear(w *wire, in *heard) *ending {
	lost := func(format string, args ...any) *ending {
		return &ending{kind: endLost, cause: fmt.Sprintf(format, args...)}
	}
	h, err := w.next(f.timing.stall)
	if err == nil && h.kind == kindData {
		return lost("sent data towards the head")
	}
	var b []byte
	if err == nil {
		b, err = w.payload(h)
	}
	if err != nil {
		return f.readEnding(err)
	}
	switch h.kind {
	case kindWant:
		wanted, err := decodeWant(b)
		if err != nil {
			return lost("%v", err)
		}
		in.asks(&due{wanted, h.offset})
		return nil
	case kindStatus:
		s, err := decodeStatus(b)
		if err != nil {
			return lost("%v", err)
		}
		in.hasRoom(!s.full)
		for _, n := range s.news {
			if links := len(f.plan.links); n.index >= links || n.entry.by > partyOf(links-1) {
				return lost("spoke of a link that the plan does not have")
			}
			if n.index > f.self { // nobody below speaks for those above
				f.table.tell(n.index, n.entry)
			}
		}
		return nil
	case kindRefuse:
		r, err := decodeRefusal(b)
		switch {
		case err != nil:
			return lost("%v", err)
		case r.how != fedByAnother:
			return &ending{kind: endLost, cause: r.cause, own: r.how == failed}
		}
		return &ending{kind: endTaken}
	}
	return lost("sent a frame of kind %d towards the head", h.kind)
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

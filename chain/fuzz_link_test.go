package chain

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// collector is a sink that keeps what it gets.
type collector struct {
	bytes.Buffer
	closed bool
}

func (c *collector) Close() error { c.closed = true; return nil }

// FuzzLink lets those who have the key say anything to a link: it must end, and its sink must see nothing but the image.
func FuzzLink(f *testing.F) {
	all := bytes.Repeat([]byte{2, 255}, 10)
	f.Add(slices.Concat([]byte{0, 0, 0, 0}, all, []byte{7, 12}))
	f.Add(slices.Concat([]byte{0, 0, 0, 0}, all[:6], []byte{3, 9, 2, 255, 1}, all, []byte{13, 9, 14, 1}))
	f.Add(slices.Concat([]byte{1, 0, 0, 8, 6, 0}, all, []byte{7, 12}))                            // an image without an end
	f.Add(slices.Concat([]byte{1, 0, 0, 8, 6, 0, 2, 255, 8, 129, 12}, all))                       // another end
	f.Add(slices.Concat([]byte{0, 0, 0, 0, 2, 40, 0, 1, 2, 255, 0, 64, 0, 15, 0, 19, 9, 30, 11})) // feeders, rounds, late plans
	cut := []byte{0, 0, 33, 0, 2, 255, 15, 13, 20, 14, 1}                                         // a chunk, then the feeder is gone, and the link has called the head
	f.Add(slices.Concat(cut, []byte{16, 1, 1}, all, []byte{7, 12}))                               // which feeds it to the end
	f.Add(slices.Concat(cut, []byte{16, 1, 1}, all[:8], []byte{3, 9, 1}, all))                    // and spoils a chunk
	f.Add(slices.Concat(cut, []byte{16, 0, 13, 30, 14, 2, 16, 1, 15, 13, 30, 14, 3}))             // which says no, then yes and hangs up
	gap := []byte{0, 0, 33, 0, 2, 255, 9, 3, 255, 1, 0, 13, 1, 14, 1}                             // two chunks are to come from the head
	f.Add(slices.Concat(gap, []byte{17, 255, 17, 255, 2, 255, 14, 0}, all, []byte{7, 12}))
	f.Add(slices.Concat(gap, []byte{3, 255, 13, 1, 14, 0, 1}, all, []byte{7, 12}))
	f.Add(slices.Concat(gap, []byte{4, 9, 3, 7, 7, 7, 13, 1, 14, 0, 1}, all))
	f.Add([]byte{0, 0, 32, 0, 2, 9, 10, 1, 13, 200, 0, 255, 0, 64, 2, 255, 9, 129, 5, 1, 5, 17, 4, 0, 0, 0, 1})
	f.Add([]byte{0, 0, 0, 0, 9, 0, 242, 1, 0, 2, 0}) // a start before the image
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 400 {
			return
		}
		synctest.Test(t, func(t *testing.T) { fuzzLink(t, newWords(script)) })
	})
}

func fuzzLink(t *testing.T, script *words) {
	pipes, sink := newPipes(), &collector{}
	cfg := ReceiveConfig{Listener: pipes, Transfer: [16]byte{1}, Sink: sink, Ring: 3 * fuzzChunk, SlowSink: -1}
	strict := script.byte()%2 == 0
	if strict {
		cfg.Manifest = fuzzManifest.Digest()
	}
	if err := cfg.complete(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	var result Result
	c := &crowd{pipes: pipes, secret: secret{transfer: cfg.Transfer}, head: newPipes()}
	l := newLink(cfg, c.secret)
	l.dialer = onlyHead{c.head}
	go func() {
		defer close(done)
		result, _ = l.receive(ctx)
	}()
	go c.answer()
	for !script.over() {
		c.act(script)
	}
	c.leave()
	select {
	case <-done:
	case <-time.After(10 * time.Minute):
		if slices.ContainsFunc(c.all, func(p *peer) bool { return p.wanted().serial > 0 }) {
			t.Error("everybody has left, and the link still waits")
		}
		cancel() // nobody ever introduced himself
		<-done
	}
	pipes.Close()
	got := sink.Bytes()
	if strict && (!bytes.HasPrefix(fuzzImage, got) || result.OK && len(got) != len(fuzzImage)) {
		t.Fatalf("%d bytes that are not the image's, %+v", len(got), result)
	}
	if m, err := BuildManifest(bytes.NewReader(got), fuzzChunk); result.OK && (err != nil || m.Digest() != result.Image || !sink.closed) {
		t.Fatalf("OK with another image than it says: %+v", result)
	}
}

// crowd is all who talk to a link: those who come to it, and the head, which it calls.
type crowd struct {
	pipes  *pipes
	secret secret
	head   *pipes
	mu     sync.Mutex
	all    []*peer
	now    *peer // who talks
}

// add takes one in.
func (c *crowd) add(p *peer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, p)
}

// answer is the door of a head that listens.
func (c *crowd) answer() {
	for {
		conn, err := c.head.Accept()
		if err != nil {
			return
		}
		if w, _, err := acceptHandshake(conn, c.secret, false, time.Second, roleRange, roleJoin); err == nil {
			c.add(newPeer(w))
			continue
		}
		conn.Close()
	}
}

// act does one thing that the script says.
func (c *crowd) act(script *words) {
	op := script.byte() % 18
	if op == 0 || c.now == nil {
		c.introduce(script)
		return
	}
	p := c.now
	switch op {
	case 1:
		p.say(kindStart, p.wanted().offset, start{serial: p.wanted().serial}.encode())
		p.at = p.wanted().offset
	case 2:
		c.send(script, 0)
	case 3:
		c.send(script, 1)
	case 4:
		p.data(script.offset(fuzzChunk), script.bytes())
	case 5:
		p.say(kind(script.byte()), script.offset(fuzzChunk), script.bytes())
	case 6:
		first := int(script.byte()) % len(fuzzManifest.Chunks)
		p.say(kindDigests, int64(first), encodeDigests(fuzzManifest.Chunks[first:]))
	case 7:
		p.say(kindEnd, int64(len(fuzzImage)), nil)
	case 8:
		p.say(kindEnd, script.offset(fuzzChunk), nil)
	case 9:
		p.at = script.offset(fuzzChunk)
		p.say(kindStart, p.at, start{serial: uint64(script.byte()), inherited: script.byte()%2 == 1}.encode())
	case 10:
		p.say(kindAbort, 0, abort{script.byte()%2 == 1, "fuzz"}.encode())
	case 11:
		p.say(kindSkip, 0, appendText(nil, "fuzz"))
	case 12:
		p.say(kindBye, 0, nil)
	case 13:
		time.Sleep(time.Duration(script.byte()) * 50 * time.Millisecond)
	case 14:
		c.now = c.all[int(script.byte())%len(c.all)]
	case 15:
		p.w.conn.Close()
	case 16:
		p.say(kindAdmit, 0, admit{script.byte()%2 == 1}.encode())
	case 17:
		if p.at == 0 {
			p.at = p.wanted().offset
		}
		c.send(script, 0)
	}
	synctest.Wait()
}

// send sends the image's bytes that are due, up to the next chunk, with one of them changed by so much. Where a script has the feeder
// stand outside of the image, there are none.
func (c *crowd) send(script *words, change byte) {
	p := c.now
	n := min(int64(script.byte())*4+4, fuzzChunk-p.at%fuzzChunk, int64(len(fuzzImage))-p.at)
	if p.at < 0 || n <= 0 {
		return
	}
	b := bytes.Clone(fuzzImage[p.at : p.at+n])
	b[0] ^= change
	p.data(p.at, b)
}

// introduce begins a connection: a probe now and then, a feed as a rule.
func (c *crowd) introduce(script *words) {
	conn := c.pipes.dial()
	if conn == nil {
		return
	}
	what := script.byte()
	as := roleFeed
	if what == 255 {
		as = roleProbe
	}
	w, needs, err := dialHandshake(conn, c.secret, as, time.Second)
	if err != nil {
		conn.Close()
		return
	}
	p := newPeer(w)
	c.add(p)
	c.now = p
	if as == roleProbe {
		return
	}
	links := []Link{{"a", "127.0.0.1:1"}, {"b", "127.0.0.1:1"}, {"c", "127.0.0.1:1"}}
	p.say(kindPlan, 0, plan{feeder: int(what%3) - 1, index: int(what%3) + int(what/3)%max(1, 3-int(what%3)), late: what&16 != 0,
		round: uint64(what >> 6), head: []string{"", headAddress}[what>>5&1], links: links}.encode())
	if needs {
		p.say(kindManifest, 0, manifestOf(script))
	}
	synctest.Wait()
	p.say(kindStart, p.wanted().offset, start{serial: p.wanted().serial}.encode())
	p.at = p.wanted().offset
	synctest.Wait()
}

// leave ends everything, and nobody answers any more.
func (c *crowd) leave() {
	c.head.Close()
	synctest.Wait()
	for _, p := range c.all {
		p.hangUp()
	}
}

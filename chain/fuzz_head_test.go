package chain

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
)

// FuzzHead lets those who have the key say anything to a head: a link that it feeds, late joiners, and links that want a range. It
// must end when they leave, and report whatever they made it believe.
func FuzzHead(f *testing.F) {
	f.Add([]byte{0, 0, 2, 3, 0, 3, 9, 4, 0})                           // a link that takes all and is done
	f.Add([]byte{0, 0, 2, 3, 10, 3, 7, 1, 2, 200, 6, 1, 2, 7, 0, 5})   // a corrupt chunk, a range, a late joiner
	f.Add([]byte{0, 0, 1, 1, 2, 0, 4, 255, 13, 90, 5, 18, 3, 1, 2, 3}) // another image, a strange entry
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 400 {
			return
		}
		synctest.Test(t, func(t *testing.T) { fuzzHead(t, newWords(script)) })
	})
}

func fuzzHead(t *testing.T, script *words) {
	links := []Link{{"a", "127.0.0.1:1"}, {"b", "127.0.0.1:1"}, {"c", "127.0.0.1:1"}}
	cfg := SendConfig{Transfer: [16]byte{1}, Links: links, Source: bytes.NewReader(fuzzImage), ChunkSize: fuzzChunk, DialTimeout: time.Second,
		StallTimeout: 2 * time.Second, Progress: func(Progress) {}, Skipped: func(Skip) {}, Spoiled: func(s Spoil) { _ = s.String() }}
	if script.byte()%2 == 0 {
		cfg.Manifest = fuzzManifest
	} else {
		cfg.Input = bytes.NewReader(fuzzImage)
	}
	h := newHead(cfg, secret{transfer: cfg.Transfer})
	c := &caller{head: h, pipes: newPipes()}
	ctx, cancel := context.WithCancel(t.Context())
	described := make(chan error, 1)
	if cfg.Manifest == nil {
		go func() { described <- describe(ctx, cfg.Input, h.index) }()
	}
	var wg sync.WaitGroup
	d := &door{secret: h.secret, timing: h.timing, source: func() *shelf { return newShelf(cfg.Source, h.index) }, links: links,
		ask: h.ask, serve: h.feedLate}
	wg.Go(func() { d.run(ctx, c.pipes) })
	forward := h.feederConfig(headIndex, h.shelf, h.table)
	forward.faults = h.faults
	f := newFeeder(forward)
	c.follow(ctx, &wg, f)
	over := make(chan error, 1)
	go func() { over <- h.loop(ctx, t.Context(), &wg, f, described) }()
	for !script.over() {
		c.act(script)
	}
	c.leave()
	select {
	case <-over:
	case <-time.After(10 * time.Minute):
		t.Error("the head waits for nobody")
	}
	cancel()
	c.pipes.Close()
	wg.Wait()
	for _, r := range h.report(nil).Results {
		if r.OK != (r.Cause == "") || strings.ContainsFunc(r.Cause, unicode.IsControl) {
			t.Errorf("%+v", r)
		}
	}
}

// caller is all who talk to a head.
type caller struct {
	head  *head
	pipes *pipes
	all   []*peer
	now   *peer // who talks
}

// follow makes the head's feeder feed a link; its end is that of the chain.
func (c *caller) follow(ctx context.Context, wg *sync.WaitGroup, f *feeder) {
	theirs, mine := net.Pipe()
	wg.Go(func() {
		defer close(f.ended)
		w, needs, err := dialHandshake(theirs, c.head.secret, roleFeed, time.Second)
		if err == nil {
			f.lose(ctx, 0, f.feed(ctx, &reached{0, w, needs}))
		}
		f.lose(ctx, 1, ending{kind: endLost, cause: "fuzz"})
		f.lose(ctx, 2, ending{kind: endLost, cause: "fuzz"})
	})
	if w, _, err := acceptHandshake(mine, c.head.secret, true, time.Second, roleFeed); err == nil {
		c.add(w)
	}
}

func (c *caller) add(w *wire) {
	c.now = newPeer(w)
	c.all = append(c.all, c.now)
}

// act does one thing that the script says.
func (c *caller) act(script *words) {
	p := c.now
	known, prefix := c.head.index.prefix()
	switch script.byte() % 12 {
	case 0:
		p.say(kindWant, 0, want{serial: 1, known: known, prefix: prefix}.encode())
	case 1:
		p.say(kindWant, script.offset(fuzzChunk), want{serial: uint64(script.byte()), reason: reason(script.byte() % 2)}.encode())
	case 2:
		p.say(kindWant, script.offset(fuzzChunk), want{known: int(script.byte()), prefix: Digest{script.byte()}}.encode())
	case 3:
		p.say(kindStatus, 0, status{script.byte()%2 == 1, []numbered{entryOf(script), entryOf(script)}}.encode())
	case 4:
		p.say(kindRefuse, 0, refusal{parting(script.byte() % 4), "fuzz\nfuzz"}.encode())
	case 5:
		p.say(kind(script.byte()), script.offset(fuzzChunk), script.bytes())
	case 6:
		c.call(script, roleRange)
	case 7:
		c.call(script, roleJoin)
	case 8:
		p.data(script.offset(fuzzChunk), script.bytes())
	case 9:
		time.Sleep(time.Duration(script.byte()) * 50 * time.Millisecond)
	case 10:
		c.now = c.all[int(script.byte())%len(c.all)]
	case 11:
		p.w.conn.Close()
	}
	synctest.Wait()
}

// call comes to the head's door.
func (c *caller) call(script *words, as role) {
	conn := c.pipes.dial()
	if conn == nil {
		return
	}
	w, _, err := dialHandshake(conn, c.head.secret, as, time.Second)
	if err != nil {
		conn.Close()
		return
	}
	c.add(w)
	if as == roleRange {
		from := script.offset(fuzzChunk)
		c.now.say(kindWant, from, want{until: from + int64(script.byte())*16}.encode())
		return
	}
	c.now.say(kindJoin, 0, join{why(script.byte() % 7), []string{"a", "b", "c", "d"}[script.byte()%4], "fuzz"}.encode())
}

func entryOf(script *words) numbered {
	n := numbered{index: int(script.byte() % 4), entry: entry{state: State(script.byte() % 4), by: party(script.byte()), received: script.offset(fuzzChunk)}}
	if n.entry.by == 255 {
		n.entry.by = maxLinks + 1
	}
	n.entry.written, n.entry.corrupt, n.entry.cause = n.entry.received, uint32(script.byte()), "fuzz\x1b[2J"
	return n
}

func (c *caller) leave() {
	for _, p := range c.all {
		p.hangUp()
	}
}

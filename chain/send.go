package chain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Link is a machine of the chain: its name in reports and the host:port it listens on.
type Link struct{ Name, Addr string }

// SendConfig describes one broadcast.
type SendConfig struct {
	Transfer [16]byte // names this broadcast, a link serves no other; zero: TransferID of the key
	Key      [32]byte // shared with the links, of this transfer only
	Links    []Link   // in the order of the chain; names are unique

	// The image. Source has it; a read that takes longer than StallTimeout looks like a dead head. Without a Manifest, Input is read
	// to its end while the image is sent, no more than 32 MiB ahead, and Source must have what Read returned as soon as it did.
	Source    io.ReaderAt
	Manifest  *Manifest
	Input     io.Reader
	ChunkSize int // without a Manifest; 0: DefaultChunkSize

	// Each, if set, is called from one goroutine, one call at a time. A call that does not return holds up the others.
	Progress func(Progress) // of each link whose state or position changed
	Skipped  func(Skip)     // of each link that leaves the chain
	Spoiled  func(Spoil)    // of each chunk that a link got corrupt; of many, when they have doubled since
	Passed   func()         // once: the chain is settled, what is left are late joiners

	Limits []Limiter     // all are asked before bytes leave the head
	TLS    bool          // encrypts; all links must have it
	Gather time.Duration // how long the chain waits at most for links that do not answer yet; 1 s is enough once one does
	Linger time.Duration // how long after the chain is settled missing links are still called

	Silent bool // when ctx ends the links are not told, as if this process had died: they wait for another head, for their orphan timeout

	DialTimeout  time.Duration // to reach a link and agree on the key; 0: 1 s
	StallTimeout time.Duration // of silence before a link is skipped; 0: 2 s, at least 20 ms
	Listen       string        // host:port that links reach the head at for ranges and as late joiners; "": neither
}

// Limiter bounds a rate. A *rate.Limiter of golang.org/x/time/rate is one, if its burst is at least 64 KiB; shared by several
// broadcasts it shares fairly.
type Limiter interface {
	// WaitN returns when n bytes, at most 64 KiB, may go.
	WaitN(ctx context.Context, n int) error
}

// Progress is where a link stands. Bytes received, and bytes its sink took.
type Progress struct {
	Name              string
	State             State
	Received, Written int64
	Corrupt           int // chunks that the way to it spoiled
	Cause             string
	Late              bool // it is a late joiner
}

// Skip tells that a link left the chain, and why. If it lives, it may finish as a late joiner.
type Skip struct {
	Name   string
	By     string // the link that gave it up, or "the head"; Name itself when it stepped out
	Cause  string // one line
	Offset int64  // bytes it had received, as far as is known
}

// Spoil tells that chunks arrived corrupt at a link, and were sent again.
type Spoil struct {
	Name   string
	By     string // the link that sent the latest of them, or "the head"
	Chunks int    // since the last time this was told
}

// String says it for people.
func (s Spoil) String() string {
	chunks := "1 chunk"
	if s.Chunks != 1 {
		chunks = fmt.Sprintf("%d chunks", s.Chunks)
	}
	return fmt.Sprintf("%s got %s corrupt from %s, sent again", s.Name, chunks, s.By)
}

// Result is what became of a link.
type Result struct {
	Name    string
	OK      bool          // its sink took every byte, verified, and accepted the end
	Cause   string        // one line, when not OK
	Bytes   int64         // that its sink took
	Corrupt int           // chunks that the way to it spoiled and that were sent again
	Spoiler string        // who sent these, as it was told last: another link, or "the head"; not of Receive
	Late    bool          // it finished, or failed, as a late joiner
	Skips   []Skip        // how it left the chain
	Elapsed time.Duration // from the begin of Send until it was settled; 0: it never was
	Image   Digest        // of Receive: what the link has, when OK
}

// Report has a result for each link, in their order.
type Report struct {
	Results []Result
	Size    int64  // of the image; 0 when its end was not seen
	Image   Digest // of its manifest; zero when its end was not seen
	Elapsed time.Duration
}

// OK is how many links are.
func (r Report) OK() (n int) {
	for _, one := range r.Results {
		if one.OK {
			n++
		}
	}
	return n
}

// Send is the head of the chain. It returns when every link is settled: has everything, or is lost with a cause and did not come back.
// A lost link is not an error of Send; an error means that the head itself could not go on (context, source, configuration), and the
// report still says what is known.
func Send(ctx context.Context, cfg SendConfig) (Report, error) {
	s, err := cfg.complete()
	if err != nil {
		return Report{}, fmt.Errorf("chain: send: %w", err)
	}
	h := newHead(cfg, s)
	err = h.run(ctx)
	report := h.report(err)
	if err != nil {
		return report, fmt.Errorf("chain: send: %w", err)
	}
	return report, nil
}

func (c *SendConfig) complete() (secret, error) {
	c.DialTimeout, c.StallTimeout = orDefault(c.DialTimeout, time.Second), orDefault(c.StallTimeout, 2*time.Second)
	if c.Manifest != nil || c.Input == nil {
		if err := c.Manifest.check(); err != nil {
			return secret{}, err
		}
	}
	if c.ChunkSize == 0 {
		c.ChunkSize = DefaultChunkSize
	}
	if c.ChunkSize < minChunkSize || c.ChunkSize > maxChunkSize {
		return secret{}, fmt.Errorf("chunk size %d is outside %d to %d", c.ChunkSize, minChunkSize, maxChunkSize)
	}
	if c.Source == nil {
		return secret{}, errors.New("no source")
	}
	if len(c.Links) > maxLinks {
		return secret{}, fmt.Errorf("%d links, at most %d are possible", len(c.Links), maxLinks)
	}
	if c.StallTimeout < 20*time.Millisecond {
		return secret{}, fmt.Errorf("stall timeout %v is below 20ms", c.StallTimeout)
	}
	seen := make(map[string]bool)
	for _, l := range c.Links {
		if l.Name == "" || len(l.Name) > maxName || l.Addr == "" || len(l.Addr) > maxName || seen[l.Name] {
			return secret{}, fmt.Errorf("link %.40q at %.40q: names and addresses are 1 to %d bytes long, and names unique", l.Name, l.Addr, maxName)
		}
		seen[l.Name] = true
	}
	return newSecret(c.Transfer, c.Key, c.TLS)
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

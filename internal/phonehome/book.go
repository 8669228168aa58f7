package phonehome

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// Why a call is not answered well.
var (
	ErrUnknown = errors.New("nobody expects this call")       // it says no more: who tries tokens learns nothing
	ErrBusy    = errors.New("not now: call again in a while") // too often, or what it said could not be written down yet
)

const (
	pause   = 100 * time.Millisecond // between two calls of one node
	longest = 10 * time.Second       // for what a call has said to be written down
)

// Expected is a call that somebody waits for. It can be written down: the token itself is the deployed system's alone.
type Expected struct {
	Token [sha256.Size]byte // its digest (TokenDigest)
	From  netip.Addr        // the only address that it may come from; zero: from anywhere

	// Said is told what the system says it is, in a goroutine of the call, and must not wait. kept, which may be called from anywhere, is for
	// when that is written down: only then the call is answered well, and the token worth nothing. Otherwise the call comes again.
	Said func(digest string, kept func())
}

// TokenDigest is what is written down of a token.
func TokenDigest(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }

// Book has the calls that are expected, one of each node. Safe for concurrent use.
type Book struct {
	mu     sync.Mutex
	byNode map[string]*expected
}

type expected struct {
	Expected
	last time.Time // of its calls
	open bool      // one is being heard
	over bool      // one was answered well
}

// NewBook makes an empty book.
func NewBook() *Book { return &Book{byNode: make(map[string]*expected)} }

// Expect announces a call of a node. One that was expected before is worth nothing from now on; the same one announced again changes nothing.
func (b *Book) Expect(node string, e Expected) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if x := b.byNode[node]; x != nil && x.Token == e.Token {
		return
	}
	b.byNode[node] = &expected{Expected: e}
}

// Forget says that no call of these nodes is waited for any more.
func (b *Book) Forget(nodes ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, node := range nodes {
		delete(b.byNode, node)
	}
}

// Expects says whether a call of a node may come from an address: what others say need not even be read.
func (b *Book) Expects(node string, from netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.find(node, from) != nil
}

// Hear takes a call, which is the text of a note. It returns when what it said is written down; its errors are ErrUnknown and ErrBusy.
func (b *Book) Hear(ctx context.Context, node string, from netip.Addr, text []byte) error {
	note, err := Parse(text)
	if err != nil {
		return ErrUnknown
	}
	x, err := b.open(node, from, note.Token)
	if err != nil {
		return err
	}
	written := make(chan struct{})
	x.Said(note.Digest, sync.OnceFunc(func() { close(written) }))
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	select {
	case <-written:
		b.close(x, true)
		return nil
	case <-ctx.Done():
		b.close(x, false)
		return ErrBusy
	}
}

// open finds who is called by the token.
func (b *Book) open(node string, from netip.Addr, token string) (*expected, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	x, now := b.find(node, from), time.Now()
	switch {
	case x == nil:
		return nil, ErrUnknown
	case x.open || now.Sub(x.last) < pause:
		return nil, ErrBusy
	}
	x.last = now
	if digest := TokenDigest(token); subtle.ConstantTimeCompare(digest[:], x.Token[:]) == 0 {
		return nil, ErrUnknown
	}
	x.open = true
	return x, nil
}

func (b *Book) close(x *expected, over bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	x.open, x.over = false, over
}

func (b *Book) find(node string, from netip.Addr) *expected {
	x := b.byNode[node]
	if x == nil || x.over || x.From.IsValid() && x.From != from {
		return nil
	}
	return x
}

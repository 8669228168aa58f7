package agentlink

import (
	"crypto/sha256"
	"sync"
)

// book knows the live sessions. It holds digests of their secrets only, so that looking one up tells nothing by the time it takes.
type book struct {
	mu       sync.Mutex
	byNode   map[string]*Session
	bySecret map[digest]*Session
}

func newBook() *book {
	return &book{byNode: make(map[string]*Session), bySecret: make(map[digest]*Session)}
}

// enter makes s the session of its node and returns the one it takes the place of, nil when there is none.
func (b *book) enter(s *Session) *Session {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.byNode[s.node]
	b.byNode[s.node] = s
	b.bySecret[sha256.Sum256(s.secret)] = s
	return old
}

func (b *book) remove(s *Session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.byNode[s.node] == s {
		delete(b.byNode, s.node)
	}
	delete(b.bySecret, sha256.Sum256(s.secret))
}

// find is the session of a secret, which only its own node may name.
func (b *book) find(node string, secret []byte) *Session {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.bySecret[sha256.Sum256(secret)]
	if s == nil || s.node != node {
		return nil
	}
	return s
}

package agentlink

import (
	"crypto/sha256"
	"sync"
)

// book knows the live sessions and the last token of every node. It holds digests of secrets only, so that looking one
// up tells nothing by the time it takes.
type book struct {
	mu       sync.Mutex
	spent    map[string][sha256.Size]byte // node -> digest of its last token
	byNode   map[string]*Session
	bySecret map[[sha256.Size]byte]*Session
}

// spend notes that a token was used and says whether it was new. The last token of each node is enough: the caller's
// Admit has already refused all but the one of the node's current boot.
func (b *book) spend(node, token string) bool {
	digest := sha256.Sum256([]byte(token))
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spent == nil {
		b.spent = make(map[string][sha256.Size]byte)
		b.byNode = make(map[string]*Session)
		b.bySecret = make(map[[sha256.Size]byte]*Session)
	}
	if b.spent[node] == digest {
		return false
	}
	b.spent[node] = digest
	return true
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

func (b *book) find(secret []byte) *Session {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bySecret[sha256.Sum256(secret)]
}

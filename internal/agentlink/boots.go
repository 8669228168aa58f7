package agentlink

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kadeploy/kadeploy/internal/pki"
)

// What is said of those who are not let in. Of a token nothing is told: who tries tokens learns nothing.
var (
	errToken  = errors.New("the server does not expect this boot: its token is unknown, was used or came too late")
	errCalled = errors.New("this boot has a stream already: there is one at a time")
)

// digest stands for a secret or a certificate, so that looking one up tells nothing by the time it takes.
type digest = [sha256.Size]byte

// Boots are the boots of nodes that somebody waits for: who may enrol, and with which certificate who may open a stream. They outlive
// servers, so that machines that boot while one is replaced are not refused. Safe for concurrent use.
type Boots struct {
	now func() time.Time

	mu      sync.Mutex
	last    uint64
	byNode  map[string]*boot
	byToken map[digest]*boot
}

// boot is one that is expected. It goes one way: expected, enrolled, called; and who has called may call again when its stream is over.
type boot struct {
	number uint64
	node   string
	token  digest
	until  time.Time // for enrolling and calling; who has called stays
	proof  digest    // of its certificate, once enrolled
	called bool
	open   bool // its stream is
}

// NewBoots makes an empty book. now is time.Now when nil.
func NewBoots(now func() time.Time) *Boots {
	if now == nil {
		now = time.Now
	}
	return &Boots{now: now, byNode: make(map[string]*boot), byToken: make(map[digest]*boot)}
}

// Expect announces the next boot of a node, which may enrol once with the token, and must have called until a moment. Whatever an earlier
// boot was given is worth nothing from now on.
func (b *Boots) Expect(node, token string, until time.Time) error {
	if _, err := pki.Node(node); err != nil {
		return fmt.Errorf("expect a boot: %w", err)
	}
	if token == "" || len(token) > maxToken {
		return fmt.Errorf("expect a boot of %s: its token must have 1 to %d bytes", node, maxToken)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(node)
	b.last++
	next := &boot{number: b.last, node: node, token: TokenDigest(token), until: until}
	b.byNode[node], b.byToken[next.token] = next, next
	return nil
}

// Expected is a boot as it can be written down: the token itself is nobody's but the node's. It may still enrol, or, when Certificate is
// set, it has called with that one and may call again.
type Expected struct {
	Token       [sha256.Size]byte // its digest
	Until       time.Time
	Certificate [sha256.Size]byte // its digest (Session.Certificate)
}

// Called says whether the boot has called already.
func (e Expected) Called() bool { return e.Certificate != [sha256.Size]byte{} }

// TokenDigest is what is written down of a token.
func TokenDigest(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }

// Restore announces a boot of a node again that a server before this one has announced, unless it is too late for it.
func (b *Boots) Restore(node string, e Expected) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !e.Called() && !b.now().Before(e.Until) {
		return
	}
	b.drop(node)
	b.last++
	next := &boot{number: b.last, node: node, token: e.Token, until: e.Until, proof: e.Certificate, called: e.Called()}
	b.byNode[node] = next
	if !next.called {
		b.byToken[next.token] = next
	}
}

// Current says whether a boot of a node (Session.Boot) is still the one that is expected.
func (b *Boots) Current(node string, number uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	x := b.byNode[node]
	return x != nil && x.number == number
}

// Forget says that no boot of a node is waited for any more. Its session, if it has one, is the caller's to close.
func (b *Boots) Forget(node string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(node)
}

func (b *Boots) drop(node string) {
	if old := b.byNode[node]; old != nil {
		delete(b.byNode, node)
		delete(b.byToken, old.token)
	}
}

// bearer is the node that a token was made for. The token stays good.
func (b *Boots) bearer(token string) (pki.Identity, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	x, err := b.find(token)
	if err != nil {
		return pki.Identity{}, err
	}
	return pki.Node(x.node)
}

// redeem binds a boot to its certificate (DER). The token has had its use; of several at once one succeeds.
func (b *Boots) redeem(token string, certificate []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	x, err := b.find(token)
	if err != nil {
		return err
	}
	delete(b.byToken, x.token)
	x.proof = sha256.Sum256(certificate)
	return nil
}

func (b *Boots) find(token string) (*boot, error) {
	x := b.byToken[sha256.Sum256([]byte(token))]
	if x == nil || b.now().After(x.until) {
		return nil, errToken
	}
	return x, nil
}

// admit lets a boot of a node open its stream, one at a time, and returns the boot's number. There is nothing to admit when it is not there
// any more: that is errGone, and the boot may call again. leave is to be called when the stream is over.
func (b *Boots) admit(node string, certificate []byte, there func() bool) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	x := b.byNode[node]
	switch {
	case x == nil:
		return 0, fmt.Errorf("nobody expects node %s to call", node)
	case x.proof != sha256.Sum256(certificate):
		return 0, fmt.Errorf("the certificate is not the one of the present boot of node %s", node)
	case x.open:
		return 0, errCalled
	case !x.called && b.now().After(x.until):
		return 0, fmt.Errorf("node %s calls too late after its boot", node)
	case !there():
		return 0, errGone
	}
	x.called, x.open = true, true
	return x.number, nil
}

// leave ends the stream of a boot, which may open another.
func (b *Boots) leave(node string, number uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if x := b.byNode[node]; x != nil && x.number == number {
		x.open = false
	}
}

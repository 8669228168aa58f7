package actors

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// place is one member's place in a broadcast. It is safe for concurrent use.
type place struct {
	member
	cancel context.CancelCauseFunc // ends its order

	unrestored uint32 // as its agent says at the end; of the goroutine that settles it

	mu      sync.Mutex
	address string // it listens there
	settled bool
	last    *time.Timer // when its agent has nothing more to say
}

const (
	// lastWords is what an agent has to say why it failed, once the chain has given it up.
	lastWords = 2 * time.Second

	// settleTimeout is what an agent that has everything, and is of no more use to others, has to say so.
	settleTimeout = 60 * time.Second
)

// listens believes an agent only what concerns its own node: its neighbours will dial what it says.
func (p *place) listens(address string) {
	if at, err := netip.ParseAddrPort(address); err != nil || at.Addr() != p.node.Addr {
		p.cancel(fmt.Errorf("the node says it listens on %.60q, which is not its address", address))
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.address = address
}

func (p *place) state() (address string, settled bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.address, p.settled
}

// due ends the order when its agent has not ended it by itself in limit from now. The first call counts.
func (p *place) due(limit time.Duration, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil {
		p.last = time.AfterFunc(limit, func() {
			p.cancel(fmt.Errorf("%s, and its agent did not say within %s what became of the image", why, limit))
		})
	}
}

// close takes back what due began.
func (p *place) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last != nil {
		p.last.Stop()
	}
}

package actors

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/chain"
	"github.com/kadeploy/kadeploy/internal/topology"
)

// broadcast is one transfer: every member is told to listen, those who do become the links, and each one's own agent has
// the last word on what it received and wrote.
type broadcast struct {
	id      string // in the deployment's crew
	job     *job
	members []member
	tls     bool
	system  *actor.ActorSystem
	deploy  *actor.PID

	transfer [16]byte
	key      [32]byte
	goesOn   bool // its members have kept what they have of it
	places   map[string]*place
	changed  chan struct{} // a place changed
}

// listenTimeout bounds how long an agent takes to open its chain listener; it is asked for no disk work before. The others
// do not wait longer for one that hangs.
const listenTimeout = 3 * time.Second

// errTryOver ends the order of a node that does not wait for the image any more: its next try must not meet it.
var errTryOver = errors.New("the try of this node is over")

func newBroadcast(c *chainActor, ctx actor.Context) *broadcast {
	b := &broadcast{
		id: c.id, job: c.job, members: topology.Order(c.members, member.inNetwork), system: ctx.ActorSystem(), deploy: ctx.Parent(),
		places: make(map[string]*place), changed: make(chan struct{}, 1),
	}
	for _, m := range b.members {
		b.tls = b.tls || m.node.ChainTLS // who wants it does not get the image from one who does not
	}
	if kept := b.members[0].kept; kept != nil { // as of all members
		b.transfer, b.key, b.tls, b.goesOn = [16]byte(kept.GetTransfer()), [32]byte(kept.GetKey()), kept.GetTls(), true
		return b
	}
	_, _ = rand.Read(b.transfer[:]) // never fails (crypto/rand)
	_, _ = rand.Read(b.key[:])
	return b
}

func (b *broadcast) run(ctx context.Context) error {
	if err := b.job.confirmReign(ctx, b.system); err != nil { // its members may have stood there for long
		return err
	}
	source, err := b.job.image.Open()
	if err != nil {
		for _, m := range b.members {
			b.tell(chainOutcome{b.id, m.host, m.inc, &fatalError{err}, 0})
		}
		return err
	}
	defer source.Close()

	var agents sync.WaitGroup
	for _, m := range b.members {
		order, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		p := &place{member: m, cancel: cancel}
		defer p.close()
		defer context.AfterFunc(m.try, func() { cancel(errTryOver) })()
		b.places[m.host] = p
		agents.Go(func() { b.settle(p, b.guarded(order, p)) })
	}
	if links := b.awaitListeners(ctx); len(links) > 0 {
		b.tell(chainStarted{b.id, names(links)})
		c := &course{broadcast: b, begun: time.Now(), done: make(map[string]bool)}
		err = c.send(ctx, source, links)
	}
	for _, p := range b.places {
		p.due(lastWords, "the broadcast is over")
	}
	agents.Wait()
	return err
}

// awaitListeners returns the links in order once every member listens or is settled; one that does neither in time is
// left out and given up.
func (b *broadcast) awaitListeners(ctx context.Context) []chain.Link {
	late := time.After(listenTimeout)
	for {
		links, waiting := b.listeners()
		if len(waiting) == 0 {
			return links
		}
		select {
		case <-b.changed:
		case <-late:
			for _, p := range waiting {
				p.cancel(fmt.Errorf("the node did not open its chain listener within %s", listenTimeout))
			}
			return links
		case <-ctx.Done():
			return nil
		}
	}
}

func (b *broadcast) listeners() (links []chain.Link, waiting []*place) {
	for _, m := range b.members {
		p := b.places[m.host]
		switch address, settled := p.state(); {
		case settled:
		case address == "":
			waiting = append(waiting, p)
		default:
			links = append(links, chain.Link{Name: m.host, Addr: address})
		}
	}
	return links, waiting
}

// settle tells the deployment what became of one member.
func (b *broadcast) settle(p *place, err error) {
	p.mu.Lock()
	p.settled = true
	p.mu.Unlock()
	b.signal()
	b.tell(chainOutcome{b.id, p.host, p.inc, err, p.unrestored})
}

func (b *broadcast) signal() {
	select {
	case b.changed <- struct{}{}:
	default: // somebody is to look already
	}
}

func (b *broadcast) tell(m any) { b.system.Root.Send(b.deploy, m) }

func names(links []chain.Link) []string {
	all := make([]string, len(links))
	for i, l := range links {
		all[i] = l.Name
	}
	return all
}

package actors

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/chain"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/topology"
	"github.com/kadeploy/kadeploy/internal/workflow"
	"github.com/kadeploy/kadeploy/supervisor"
)

// broadcast is one transfer: every member is told to listen, those who do become the links, and each one's own agent has
// the last word on what it received and wrote.
type broadcast struct {
	job     *job
	members []member
	system  *actor.ActorSystem
	deploy  *actor.PID

	transfer [16]byte
	key      [32]byte
	places   map[string]*place
	changed  chan struct{} // a place changed
}

// place is one member's place in the transfer.
type place struct {
	member
	cancel  context.CancelCauseFunc // ends its order
	mu      sync.Mutex
	address string // it listens there
	settled bool
}

const (
	// listenTimeout bounds how long an agent takes to open its chain listener; it is asked for no disk work before. The
	// others do not wait longer for one that hangs.
	listenTimeout = 3 * time.Second

	// lastWords is what an agent has to say why it failed, once the chain has given it up.
	lastWords = 2 * time.Second

	// settleTimeout is what an agent that has everything has to say so.
	settleTimeout = 60 * time.Second
)

func newBroadcast(c *chainActor, ctx actor.Context) *broadcast {
	b := &broadcast{
		job: c.job, members: topology.Order(c.members, member.inNetwork), system: ctx.ActorSystem(), deploy: ctx.Parent(),
		places: make(map[string]*place), changed: make(chan struct{}, 1),
	}
	_, _ = rand.Read(b.transfer[:]) // never fails (crypto/rand)
	_, _ = rand.Read(b.key[:])
	return b
}

func (b *broadcast) run(ctx context.Context) error {
	source, err := b.job.image.Open()
	if err != nil {
		for _, m := range b.members {
			b.tell(chainOutcome{m.host, m.inc, &fatalError{err}})
		}
		return err
	}
	defer source.Close()

	var agents sync.WaitGroup
	for _, m := range b.members {
		order, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		p := &place{member: m, cancel: cancel}
		b.places[m.host] = p
		agents.Go(func() { b.settle(p, b.guarded(order, p)) })
	}
	links := b.awaitListeners(ctx)
	var report chain.Report
	if len(links) > 0 {
		b.tell(chainStarted{names(links)})
		report, err = chain.Send(ctx, chain.SendConfig{
			Transfer: b.transfer, Key: b.key, Links: links,
			Source: source, Manifest: b.job.image.Manifest,
			Listen: b.job.head, Progress: b.progress,
		})
		b.describe(report, err)
	}
	defer b.giveUp(report)()
	agents.Wait()
	return err
}

// giveUp bounds how long the agents may still speak: those that the chain lost a moment, those that have everything long
// enough to close their files. The returned func stops the timers.
func (b *broadcast) giveUp(report chain.Report) (stop func()) {
	done := make(map[string]bool)
	for _, r := range report.Results {
		done[r.Name] = r.OK
	}
	var timers []*time.Timer
	for host, p := range b.places {
		limit := lastWords
		if done[host] {
			limit = settleTimeout
		}
		timers = append(timers, time.AfterFunc(limit, func() {
			p.cancel(fmt.Errorf("the node did not say within %s what became of the image", limit))
		}))
	}
	return func() {
		for _, t := range timers {
			t.Stop()
		}
	}
}

// guarded is receive with its panics as errors of the one member.
func (b *broadcast) guarded(ctx context.Context, p *place) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &supervisor.PanicError{Value: r, Stack: debug.Stack()}
		}
	}()
	return b.receive(ctx, p)
}

// receive orders one member to take its place and returns what its agent reports.
func (b *broadcast) receive(ctx context.Context, p *place) error {
	digest := b.job.image.Manifest.Digest()
	n := p.node
	order := &agentpb.Order{Step: string(workflow.SendEnvironment), Kind: &agentpb.Order_Receive{Receive: &agentpb.Receive{
		Transfer: b.transfer[:], Key: b.key[:], Manifest: digest[:],
		Listen: net.JoinHostPort(n.Addr.String(), strconv.Itoa(n.ChainPort)),
		Kind:   b.job.image.Kind, Compression: b.job.image.Compression,
		Target: b.job.target(n),
	}}}
	result, err := p.session.Do(ctx, order, func(said *agentpb.Progress) {
		switch {
		case said.GetListening() != "":
			p.listens(said.GetListening())
			b.signal()
		case said.GetBytes() > 0:
			b.tell(chainProgress{p.host, int64(said.GetBytes())})
		}
	})
	switch {
	case err != nil:
		return err
	case !result.GetOk():
		return &orderError{result.GetError(), result.GetLogTail()}
	case string(result.GetDigest()) != string(digest[:]):
		return fmt.Errorf("the node wrote an image with digest %x, asked was %x", result.GetDigest(), digest)
	}
	return nil
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

// settle tells the deployment what became of one member.
func (b *broadcast) settle(p *place, err error) {
	p.mu.Lock()
	p.settled = true
	p.mu.Unlock()
	b.signal()
	b.tell(chainOutcome{p.host, p.inc, err})
}

func (b *broadcast) signal() {
	select {
	case b.changed <- struct{}{}:
	default: // somebody is to look already
	}
}

// progress tells of links that the chain goes round.
func (b *broadcast) progress(p chain.Progress) {
	if p.State == chain.Failed {
		b.tell(chainNote{fmt.Sprintf("%s left the chain: %s", p.Name, p.Cause)})
	}
}

// describe ends the transfer for people.
func (b *broadcast) describe(report chain.Report, err error) {
	text := fmt.Sprintf("the chain ended: %d of %d nodes have the image", report.OK(), len(report.Results))
	if err != nil && !errors.Is(err, context.Canceled) {
		text += ": " + err.Error()
	}
	b.tell(chainNote{text})
}

func (b *broadcast) tell(m any) { b.system.Root.Send(b.deploy, m) }

func names(links []chain.Link) []string {
	all := make([]string, len(links))
	for i, l := range links {
		all[i] = l.Name
	}
	return all
}

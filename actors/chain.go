package actors

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/chain"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/nodeset"
	"github.com/kadeploy/kadeploy/internal/workflow"
	"github.com/kadeploy/kadeploy/supervisor"
)

// member is a node that stands before the chain.
type member struct {
	incarnation
	node    *config.Node
	session *agentlink.Session
}

// chainActor runs one broadcast. It is the one place of the server where orders and image bytes meet.
type chainActor struct {
	job     *job
	members []member
	tasks   supervisor.Tasks
}

func (c *chainActor) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		b := &broadcast{job: c.job, members: c.members, system: ctx.ActorSystem(), deploy: ctx.Parent()}
		c.tasks.Start(ctx, "broadcast", func(ctx context.Context) any { return b.run(ctx) })
	case *actor.Stopping, *actor.Restarting:
		c.tasks.CancelAll()
	case supervisor.TaskDone:
		if !c.tasks.Accept(m) {
			return
		}
		if m.Panic != nil {
			panic(m.Panic)
		}
		ctx.Send(ctx.Parent(), chainEnded{})
	}
}

// broadcast is one transfer: every member is told to listen, those who do become the links, and each one's own agent has
// the last word on what it received and wrote.
type broadcast struct {
	job     *job
	members []member
	system  *actor.ActorSystem
	deploy  *actor.PID

	transfer [16]byte
	key      [32]byte
	mu       sync.Mutex
	open     map[string]string // host -> address it listens on
	settled  map[string]bool
	changed  chan struct{} // a member listens or is settled
}

// listenTimeout bounds how long an agent takes to open its chain listener; it is asked for no disk work before.
const listenTimeout = 10 * time.Second

func (b *broadcast) run(ctx context.Context) error {
	_, _ = rand.Read(b.transfer[:]) // never fails (crypto/rand)
	_, _ = rand.Read(b.key[:])
	b.open, b.settled = make(map[string]string), make(map[string]bool)
	b.changed = make(chan struct{}, 1)
	sort.Slice(b.members, func(i, j int) bool { return nodeset.Less(b.members[i].host, b.members[j].host) })
	defer b.settleRest(errors.New("the broadcast ended without a word of this node"))

	source, err := b.job.image.Open()
	if err != nil {
		b.settleRest(&fatalError{err})
		return err
	}
	defer source.Close()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var agents sync.WaitGroup
	for _, m := range b.members {
		agents.Go(func() { b.settle(m, b.receive(ctx, m)) })
	}
	links := b.awaitListeners(ctx)
	if len(links) > 0 {
		b.tell(chainStarted{names(links)})
		report, err := chain.Send(ctx, chain.SendConfig{
			Transfer: b.transfer, Key: b.key, Links: links,
			Source: source, Manifest: b.job.image.Manifest,
			Listen: b.job.head, Progress: b.progress,
		})
		b.describe(report, err)
	}
	// A link that chain.Send gave up may still wait for a predecessor that will never come.
	timer := time.AfterFunc(settleTimeout, cancel)
	defer timer.Stop()
	agents.Wait()
	return nil
}

// settleTimeout is what an agent has, once the transfer is over, to finish writing and say so.
const settleTimeout = 60 * time.Second

// receive orders one member to take its place and returns what its agent reports.
func (b *broadcast) receive(ctx context.Context, m member) error {
	digest := b.job.image.Manifest.Digest()
	n := m.node
	order := &agentpb.Order{Step: string(workflow.SendEnvironment), Kind: &agentpb.Order_Receive{Receive: &agentpb.Receive{
		Transfer: b.transfer[:], Key: b.key[:], Manifest: digest[:],
		Listen: net.JoinHostPort(n.Addr.String(), strconv.Itoa(n.ChainPort)),
		Kind:   b.job.image.Kind, Compression: b.job.image.Compression,
		Target: n.ExtractionDir,
	}}}
	result, err := m.session.Do(ctx, order, func(p *agentpb.Progress) {
		if p.GetListening() != "" {
			b.listens(m.host, p.GetListening())
		} else if p.GetBytes() > 0 {
			b.tell(chainProgress{m.host, int64(p.GetBytes())})
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

// progress tells of links that the chain goes round.
func (b *broadcast) progress(p chain.Progress) {
	if p.State == chain.Failed {
		b.tell(chainNote{fmt.Sprintf("%s left the chain: %s", p.Name, p.Cause)})
	}
}

// describe ends the transfer for people.
func (b *broadcast) describe(report chain.Report, err error) {
	text := fmt.Sprintf("the chain ended: %d of %d nodes have the image", report.OK(), len(report.Results))
	if err != nil {
		text += ": " + err.Error()
	}
	b.tell(chainNote{text})
}

func (b *broadcast) listens(host, address string) {
	b.mu.Lock()
	b.open[host] = address
	b.mu.Unlock()
	b.signal()
}

func (b *broadcast) signal() {
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// awaitListeners returns the links in order once every member listens, was settled, or had its time.
func (b *broadcast) awaitListeners(ctx context.Context) []chain.Link {
	late := time.After(listenTimeout)
	for {
		b.mu.Lock()
		complete := true
		var links []chain.Link
		for _, m := range b.members {
			host := m.host
			switch address := b.open[host]; {
			case b.settled[host]:
			case address == "":
				complete = false
			default:
				links = append(links, chain.Link{Name: host, Addr: address})
			}
		}
		b.mu.Unlock()
		if complete {
			return links
		}
		select {
		case <-b.changed:
		case <-late:
			return links
		case <-ctx.Done():
			return nil
		}
	}
}

// settle tells the deployment what became of one member, once.
func (b *broadcast) settle(m member, err error) {
	b.mu.Lock()
	done := b.settled[m.host]
	b.settled[m.host] = true
	b.mu.Unlock()
	b.signal()
	if !done {
		b.tell(chainOutcome{m.host, m.inc, err})
	}
}

func (b *broadcast) settleRest(err error) {
	for _, m := range b.members {
		b.settle(m, err)
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

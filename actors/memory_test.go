package actors_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/rights"
	"github.com/kadeploy/kadeploy/internal/store"
)

// resumed watches an operation of a daemon before from where its client was.
func (s *site) resumed(o *operation) *operation {
	c := s.clientOf("ada")
	again := &operation{client: c, id: o.id, events: o.events}
	c.send(&message.Subscribe{Id: o.id, From: uint64(len(o.events) + 1), Credit: 1000, ClientId: c.id})
	return again
}

// settled waits until a node is in a phase that is for good.
func (o *operation) settled(node string, phase message.NodePhase) {
	GinkgoHelper()
	o.until(node+" "+phase.String(), func(e *message.Event) bool {
		return e.GetNode().GetNode() == node && e.GetNode().GetPhase() == phase
	})
}

// moves counts what a node did from an event on.
func (o *operation) moves(node string, from int) (n int) {
	for _, e := range o.events[from:] {
		if e.GetNode().GetNode() == node {
			n++
		}
	}
	return n
}

// slowSecond is a site where node-2 is the last by far: it boots slowly, so that it comes to a broadcast of its own.
func slowSecond(more func(*blueprint)) *site {
	b := blueprint{memory: true, node: map[int]string{2: "sandbox_fault=slow-boot:1.5 timeout_reboot=5"}, nodes: 2}
	if more != nil {
		more(&b)
	}
	return newSite(b)
}

var _ = Describe("A server that was killed in the middle of an operation", func() {
	It("goes on with it: what was settled stays, the others begin again, and who watched misses nothing", func() {
		s := slowSecond(nil)
		o := s.begin(s.deployment())
		o.settled("node-1", message.NodePhase_OK)
		s.restart()
		seen := len(o.events)
		o = s.resumed(o)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(o.moves("node-1", seen)).To(BeZero(), "node-1 is left alone")
		Expect(o.report("node-1").GetMacros()).To(HaveLen(3))
		Expect(s.states()).To(Equal([]string{"deployed", "deployed"}))
		Expect(s.run(s.deployment()).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), "the nodes are free")
	})

	It("goes on waiting for a machine that boots", func() {
		s := slowSecond(func(b *blueprint) { b.lasting, b.nodes = true, 2 })
		o := s.begin(s.deployment("node-2"))
		o.enters("node-2", "wait_reboot")
		s.restart()
		o = s.resumed(o)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(o.report("node-2").GetTries()).To(BeEquivalentTo(1), "it is the same try")
		var entered []string
		for _, e := range o.events {
			if n := e.GetNode(); n.GetMacro() == "SetDeploymentEnv" && n.GetPhase() == message.NodePhase_RUNNING {
				entered = append(entered, n.GetMicro())
			}
		}
		Expect(entered).To(HaveExactElements("switch_pxe", "reboot", "wait_reboot", "wait_reboot", "create_partition_table", "format_deploy_part", "mount_deploy_part", "format_swap_part"))
	})

	It("holds the nodes of it from the first moment on", func() {
		s := slowSecond(nil)
		o := s.begin(s.deployment())
		o.enters("node-2", "wait_reboot")
		since := s.state("node-2").GetSince().AsTime()
		s.restart()
		no := s.client().refused(s.deployment("node-2"))
		Expect(no.GetCode()).To(Equal(message.Refusal_BUSY))
		Expect(no.GetBusy()[0].GetOperation()).To(Equal(o.id))
		Expect(no.GetBusy()[0].GetSince().AsTime()).To(BeTemporally("~", since, time.Microsecond), "since it began, not since the restart")
		s.resumed(o).end()
	})

	It("takes a request that comes again for the one that it had accepted", func() {
		s := slowSecond(nil)
		r := s.deployment("node-1")
		o := s.run(r)
		s.restart()
		Expect(proto.Equal(s.client().ask(r).(*message.Accepted), &message.Accepted{Id: o.id, ClientId: r.GetClientId()})).To(BeTrue())
	})

	It("knows what runs where, and reads old operations to who asks", func() {
		s := slowSecond(nil)
		o := s.run(s.deployment("node-1"))
		s.restart()
		Expect(s.states()).To(Equal([]string{"deployed", "free"}))
		nodes := s.client().ask(&message.NodesRequest{ClientId: "n"}).(*message.Nodes).GetNodes()
		Expect(nodes[0].GetEnvironment()).To(Equal("tiny:7"))
		Expect(nodes[0].GetImage()).To(HaveLen(64))
		Expect(nodes[0].GetUser()).To(Equal("ada"))
		again := s.resumed(&operation{id: o.id})
		again.end()
		Expect(again.events).To(HaveLen(len(o.events)))
		Expect(proto.Equal(again.ended, o.ended)).To(BeTrue())
	})

	It("ends it truthfully when it is told not to go on", func() {
		s := slowSecond(nil)
		o := s.begin(s.deployment())
		o.settled("node-1", message.NodePhase_OK)
		s.noResume = true
		s.restart()
		o = s.resumed(o)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_FAILED))
		Expect(o.ended.GetText()).To(And(HavePrefix("interrupted: the server was stopped at "), HaveSuffix("--no-resume")))
		Expect(o.report("node-1").GetPhase()).To(Equal(message.NodePhase_OK))
		Expect(o.report("node-2").GetPhase()).To(Equal(message.NodePhase_KO))
		Expect(o.report("node-2").GetCause()).To(HavePrefix("interrupted"))
		Expect(o.report("node-2").GetState()).To(HavePrefix("SetDeploymentEnv/Untrusted/"))
		Expect(s.states()).To(Equal([]string{"deployed", "deploy_failed"}))
	})

	It("does not give other nodes another image", func() {
		s := slowSecond(nil)
		o := s.begin(s.deployment())
		o.settled("node-1", message.NodePhase_OK)
		Expect(os.WriteFile(s.path("images/image.tar"), tarOf(entry{name: "vmlinuz", content: "another"}, entry{name: "initrd.img", content: "i"}), 0o644)).To(Succeed())
		s.restart()
		o = s.resumed(o)
		o.end()
		Expect(o.report("node-1").GetPhase()).To(Equal(message.NodePhase_OK))
		Expect(o.report("node-2").GetCause()).To(ContainSubstring("is another one since"))
	})

	It("gives an operation up that it does not survive again and again", func() {
		s := slowSecond(func(b *blueprint) { b.node[2] = "sandbox_fault=never-boots timeout_reboot=60" })
		o := s.begin(s.deployment("node-2"))
		for range 4 {
			o.enters("node-2", "wait_reboot")
			s.restart()
			o = s.resumed(o)
		}
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_FAILED))
		Expect(o.ended.GetText()).To(ContainSubstring("was stopped 4 times in the middle of it"))
	})

	It("ends what its user has lost the right to meanwhile, and what the configuration no longer has", func() {
		s := slowSecond(nil)
		o := s.begin(s.deployment())
		o.enters("node-2", "wait_reboot")
		s.nodes = 1 // node-2 is no more
		s.writeConfig()
		s.restart()
		o = s.resumed(o)
		Expect(o.end().GetText()).To(ContainSubstring(`unknown node "node-2"`))
	})
})

// ailing is a database that can be made to fail, or to hang.
type ailing struct {
	actors.Store
	broken   atomic.Pointer[error]
	noRights atomic.Pointer[error]
	mu       sync.Mutex // held by who wants writes to hang
}

func (a *ailing) KeepRights(ctx context.Context, b *rights.Book) error {
	if err := a.noRights.Load(); err != nil {
		return *err
	}
	return a.Store.KeepRights(ctx, b)
}

func (a *ailing) Write(ctx context.Context, b store.Batch) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.broken.Load(); err != nil {
		return *err
	}
	return a.Store.Write(ctx, b)
}

var _ = Describe("A journal whose database", func() {
	var db *ailing
	site := func() *site {
		return slowSecond(func(b *blueprint) {
			b.store = func(s actors.Store) actors.Store {
				db = &ailing{Store: s}
				return db
			}
		})
	}

	It("is full refuses requests, has nodes wait, and goes on when there is room again", func() {
		s := site()
		o := s.begin(s.deployment("node-2"))
		o.enters("node-2", "wait_reboot")
		full := errors.New("no room on the disk")
		db.broken.Store(&full)
		no := s.client().refused(s.deployment("node-1"))
		Expect(no.GetCode()).To(Equal(message.Refusal_UNAVAILABLE))
		Expect(no.GetText()).To(ContainSubstring("no room on the disk"))
		Expect(s.states()[0]).To(Equal("free"))
		Consistently(o.C).ShouldNot(Receive(Satisfy(isEvent)), "nobody hears of what is not written")
		db.broken.Store(nil)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(s.run(s.deployment("node-1")).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))
		s.restart()
		Expect(s.states()).To(Equal([]string{"deployed", "deployed"}))
	})

	It("is slow when the journal crashes tells the end all the same, once it is written", func() {
		s := site()
		o := s.begin(s.deployment("node-2"))
		o.enters("node-2", "wait_reboot")
		db.mu.Lock()
		s.cancel(o.id)
		Eventually(func() string { return s.states()[1] }).Should(Equal("aborted"), "the end is under way to the database")
		s.system.Root.Send(s.pid("root/journal"), actors.Poison("journal"))
		Consistently(o.C).ShouldNot(Receive(Satisfy(isEvent)))
		db.mu.Unlock()
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ABORTED))
	})

	It("is another server's ends this one, which touches no machine any more", func() {
		s := site()
		fenced := store.ErrFenced
		db.broken.Store(&fenced)
		s.client().send(s.deployment("node-1"))
		Eventually(s.tree.Failed()).Should(Receive(MatchError(ContainSubstring("another server has taken the database over"))))
		Expect(s.rack.Console("node-1")).To(BeEmpty())
	})

	It("does not answer yet has no request answered, and no machine touched", func() {
		s := site()
		c := s.client()
		db.mu.Lock()
		c.send(s.deployment("node-1"))
		Consistently(c.C).ShouldNot(Receive())
		Expect(s.states()[0]).To(Equal("deploying"), "the node is held all the same")
		Expect(s.rack.Console("node-1")).To(BeEmpty())
		db.mu.Unlock()
		Expect(c.next()).To(BeAssignableToTypeOf(&message.Accepted{}))
	})
})

var _ = Describe("A crash of who runs the requests", func() {
	It("leaves word of what it did to the nodes, for the next server, too", func() {
		s := slowSecond(nil)
		Expect(s.run(s.deployment("node-2")).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))
		o := s.begin(s.deployment("node-2"))
		o.enters("node-2", "wait_reboot")
		s.system.Root.Stop(s.pid("root/deployments"))
		o.end()
		s.restart()
		nodes := s.client().ask(&message.NodesRequest{ClientId: "n"}).(*message.Nodes).GetNodes()
		Expect(nodes[1].GetState()).To(Equal("aborted"))
		Expect(nodes[1].GetEnvironment()).To(BeEmpty(), "nobody can promise what is on its disk")
	})
})

func isEvent(m any) bool {
	_, ok := m.(*message.Event)
	return ok
}

package actors

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kadeploy/kadeploy/actors/link"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/supervisor"
)

var _ = Describe("What is told of the chain", func() {
	// telling makes the actor of a request to n1, which is third in the chain "now", and counts the skips that it tells.
	telling := func() (*deploy, *atomic.Int32) {
		system, _ := supervisor.NewSystem(discard)
		var told atomic.Int32
		book, err := system.Root.SpawnNamed(actor.PropsFromFunc(func(ctx actor.Context) {
			if m, ok := ctx.Message().(appendFact); ok && m.fact.GetSkip() != nil {
				told.Add(1)
			}
		}), journalName)
		Expect(err).NotTo(HaveOccurred())
		d := newDeploy(&job{id: "D-1", order: []string{"n1"}}, nil, discard)
		d.system = system
		d.views["n1"] = &view{chain: "now", transfer: &message.NodeTransfer{Position: 3}}
		DeferCleanup(func() {
			Expect(system.Root.StopFuture(book).Wait()).To(Succeed())
			system.Shutdown()
		})
		return d, &told
	}
	skip := func(chain string, offset uint64) chainSkip {
		return chainSkip{chain, &message.ChainSkip{Node: "n1", By: "n0", Cause: "silent for 2s", Offset: offset}}
	}

	It("is bounded for a node that leaves it again and again, and the last times are remembered", func() {
		d, told := telling()
		for i := range 100 {
			d.skipped(skip("now", uint64(i)))
		}
		Eventually(told.Load).Should(BeEquivalentTo(toldSkips))
		Consistently(told.Load).Should(BeEquivalentTo(toldSkips))
		t := reported(d.views["n1"].transfer, 1)
		Expect(t.GetSkips()).To(BeEquivalentTo(100))
		Expect(t.GetSkipped()).To(HaveLen(keptSkips))
		Expect(t.GetSkipped()[keptSkips-1].GetOffset()).To(BeEquivalentTo(99))
	})

	It("is of the last broadcast that a node was in", func() {
		d, told := telling()
		d.skipped(skip("before", 1))
		d.transferred(chainTransfer{"before", "n1", &message.NodeTransfer{Bytes: 7}})
		d.skipped(skip("now", 2))
		d.transferred(chainTransfer{"now", "n1", &message.NodeTransfer{Bytes: 9, Late: true}})
		Eventually(told.Load).Should(BeEquivalentTo(1))
		t := d.views["n1"].transfer
		Expect([]uint64{uint64(t.GetPosition()), t.GetBytes(), uint64(t.GetSkips())}).To(Equal([]uint64{3, 9, 1}))
		Expect(t.GetLate()).To(BeTrue())
	})

	It("of a node that was in none is nothing", func() {
		d, _ := telling()
		d.views["n1"] = &view{}
		d.skipped(skip("now", 1))
		Expect(reported(d.views["n1"].transfer, 1)).To(BeNil())
	})

	DescribeTable("fits into the one message of the final report", func(nodes int) {
		took := durationpb.New(123456789 * time.Microsecond)
		e := &message.Ended{}
		for i := range nodes {
			name := fmt.Sprintf("node-%d.site.example.org", i)
			t := &message.NodeTransfer{Position: uint32(i + 1), Bytes: 5 << 30, Took: took, Skips: 9, Late: true, Corrupt: 2}
			for range keptSkips {
				t.Skipped = append(t.Skipped, &message.ChainSkip{By: name, Offset: 5 << 30, Cause: strings.Repeat("why ", 100)})
			}
			n := &message.NodeReport{Name: name, Cluster: "cluster", Phase: message.NodePhase_OK, Tries: 1, Transfer: reported(t, nodes)}
			for macro, instance := range map[string]string{"SetDeploymentEnv": "Untrusted", "BroadcastEnv": "Chain", "BootNewEnv": "Classical"} {
				n.Macros = append(n.Macros, &message.MacroTime{Macro: macro, Instance: instance, Tries: 1, Took: took})
			}
			e.Nodes = append(e.Nodes, n)
		}
		Expect(proto.Size(e)).To(BeNumerically("<", link.MaxMessage*95/100))
	},
		Entry("of a few nodes", 10), Entry("of a thousand", 1000), Entry("of twice that", 2048), Entry("of as many as a request may name", maxNodes),
	)
})

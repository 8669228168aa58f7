package workflow_test

import (
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/workflow"
)

// The flow of deployments is told by the transcripts in testdata; here stand the promises of a single call.

func itoa(n int) string { return strconv.Itoa(n) }

// rebootOf is the plan of a soft reboot for each host.
func rebootOf(hosts ...string) []workflow.HostPlan {
	plan, err := workflow.NewRebootPlan(workflow.Soft, "Simple", false)
	if err != nil {
		panic(err)
	}
	var plans []workflow.HostPlan
	for _, h := range hosts {
		plans = append(plans, workflow.HostPlan{Host: h, Plan: plan})
	}
	return plans
}

var _ = Describe("Deployment", func() {
	var (
		now time.Time
		d   *workflow.Deployment
	)
	BeforeEach(func() {
		now = time.Unix(1000, 0)
		d = workflow.New(workflow.Config{Hosts: rebootOf("blue-1", "blue-2")})
	})

	It("waits for every node to be ready", func() {
		Expect(d.Phase("blue-1")).To(Equal(workflow.PhaseWaiting))
		Expect(d.Handle(now, workflow.Wake{})).To(BeEmpty())
		Expect(d.Handle(now, workflow.Ready{Host: "blue-1"})).To(HaveLen(1))
		Expect(d.Phase("blue-1")).To(Equal(workflow.PhaseRunning))
		Expect(d.Phase("blue-2")).To(Equal(workflow.PhaseWaiting))
	})

	It("has no phase for a host it does not know", func() {
		Expect(d.Phase("red-1")).To(BeEmpty())
		Expect(d.Handle(now, workflow.Ready{Host: "red-1"})).To(BeEmpty())
	})

	It("ignores no event at all", func() {
		Expect(d.Handle(now, nil)).To(BeEmpty())
	})

	It("says that a failed node is retrying until it is ready again", func() {
		d = workflow.New(workflow.Config{Hosts: []workflow.HostPlan{{
			Host: "blue-1", Plan: rebootOf("blue-1")[0].Plan, StepRetries: map[workflow.Micro]int{workflow.RebootNode: 1},
		}}})
		d.Handle(now, workflow.Ready{Host: "blue-1"})
		d.Handle(now, workflow.Failed{Host: "blue-1", Micro: workflow.RebootNode, Kind: workflow.KindRetry, Cause: "no power"})
		Expect(d.Phase("blue-1")).To(Equal(workflow.PhaseRetrying))
		d.Handle(now, workflow.Ready{Host: "blue-1"})
		Expect(d.Phase("blue-1")).To(Equal(workflow.PhaseRunning))
	})

	It("keeps one line of a cause and the end of the evidence, in whole characters", func() {
		d.Handle(now, workflow.Ready{Host: "blue-1"})
		actions := d.Handle(now, workflow.Failed{
			Host: "blue-1", Micro: workflow.RebootNode, Kind: workflow.KindFatal,
			Cause:    "first\r\nsecond\n" + strings.Repeat("é", 1000),
			Evidence: strings.Repeat("é", 10000) + ".last line",
		})
		settled := actions[0].(workflow.Settled)
		Expect(settled.Cause).To(And(HavePrefix("first second é"), Satisfy(utf8.ValidString)))
		Expect(len(settled.Cause)).To(BeNumerically("<=", 512))
		Expect(settled.Evidence).To(And(HaveSuffix(".last line"), Satisfy(utf8.ValidString)))
		Expect(len(settled.Evidence)).To(BeNumerically("<=", 8<<10))
	})

	It("tells nothing of the failures of a node that is OK in the end", func() {
		d = workflow.New(workflow.Config{Hosts: []workflow.HostPlan{{
			Host: "blue-1", Plan: rebootOf("blue-1")[0].Plan, StepRetries: map[workflow.Micro]int{workflow.RebootNode: 1},
		}}})
		d.Handle(now, workflow.Ready{Host: "blue-1"})
		d.Handle(now, workflow.Failed{Host: "blue-1", Micro: workflow.RebootNode, Kind: workflow.KindRetry, Cause: "no power", Evidence: "log"})
		d.Handle(now, workflow.Ready{Host: "blue-1"})
		actions := d.Handle(now, workflow.Finished{Host: "blue-1"})
		Expect(actions[0]).To(Equal(workflow.Settled{Host: "blue-1", Phase: workflow.PhaseOK, Macro: workflow.Reboot, Instance: "Simple", Micro: workflow.RebootNode}))
		Expect(d.Report(now)[0].Cause).To(BeEmpty())
		Expect(d.Report(now)[0].Evidence).To(BeEmpty())
	})

	It("has no negative time when the clock goes back", func() {
		d.Handle(now, workflow.Ready{Host: "blue-1"})
		d.Handle(now.Add(-time.Hour), workflow.Finished{Host: "blue-1"})
		Expect(d.Report(now.Add(-2 * time.Hour))[0].Macros[0].Took).To(BeZero())
	})

	It("takes a negative delay, grace time and number of nodes as none", func() {
		d = workflow.New(workflow.Config{
			Hosts: []workflow.HostPlan{{Host: "blue-1", Plan: rebootOf("blue-1")[0].Plan, StepRetries: map[workflow.Micro]int{workflow.RebootNode: 1}}},
			Grace: -time.Second, MinNodes: -3,
			Backoff: func(string, int) time.Duration { return -time.Minute },
		})
		d.Handle(now, workflow.Ready{Host: "blue-1"})
		actions := d.Handle(now, workflow.Failed{Host: "blue-1", Micro: workflow.RebootNode, Kind: workflow.KindRetry})
		Expect(actions).To(Equal([]workflow.Action{workflow.Retry{Host: "blue-1"}}))
	})

	It("asks for the delay of each failure by host and number", func() {
		var asked []string
		hosts := rebootOf("blue-1")
		hosts[0].StepRetries = map[workflow.Micro]int{workflow.RebootNode: 2}
		d = workflow.New(workflow.Config{Hosts: hosts, Backoff: func(host string, failures int) time.Duration {
			asked = append(asked, host+" "+itoa(failures))
			return time.Duration(failures) * time.Second
		}})
		for range 2 {
			d.Handle(now, workflow.Ready{Host: "blue-1"})
			d.Handle(now, workflow.Failed{Host: "blue-1", Micro: workflow.RebootNode, Kind: workflow.KindRetry})
		}
		Expect(asked).To(Equal([]string{"blue-1 1", "blue-1 2"}))
	})

	It("ends without nodes as failed", func() {
		d = workflow.New(workflow.Config{})
		Expect(d.Handle(now, workflow.Wake{})).To(Equal([]workflow.Action{
			workflow.End{Outcome: workflow.OutcomeFailed, Text: "none of 0 nodes is OK"},
		}))
		Expect(d.Handle(now, workflow.Cancel{})).To(BeEmpty(), "it ends once")
	})

	It("panics for a host that comes twice or has nothing to do", func() {
		Expect(func() { workflow.New(workflow.Config{Hosts: rebootOf("blue-1", "blue-1")}) }).To(PanicWith(ContainSubstring("comes twice")))
		Expect(func() { workflow.New(workflow.Config{Hosts: []workflow.HostPlan{{Host: "blue-1"}}}) }).To(PanicWith(ContainSubstring("is empty")))
		empty := workflow.Plan{Macros: []workflow.MacroPlan{{Macro: workflow.BootNewEnv}}}
		Expect(func() { workflow.New(workflow.Config{Hosts: []workflow.HostPlan{{Host: "blue-1", Plan: empty}}}) }).To(PanicWith(ContainSubstring("no instance of BootNewEnv")))
	})
})

var _ = DescribeTable("Quorum",
	func(total, ok, failed, min int, want workflow.Standing) {
		Expect(workflow.Quorum(total, ok, failed, min)).To(Equal(want))
	},
	Entry("is undecided at first", 10, 0, 0, 7, workflow.Undecided),
	Entry("is undecided one before", 10, 6, 3, 7, workflow.Undecided),
	Entry("is reached with the last one asked for", 10, 7, 0, 7, workflow.Reached),
	Entry("is reached however many failed", 10, 7, 3, 7, workflow.Reached),
	Entry("is reached by all", 10, 10, 0, 10, workflow.Reached),
	Entry("is out of reach with one failure too many", 10, 0, 4, 7, workflow.Unreachable),
	Entry("is out of reach when it never was in reach", 3, 0, 0, 4, workflow.Unreachable),
	Entry("waits for everybody when no number is asked for", 3, 1, 1, 0, workflow.Undecided),
	Entry("is over when everybody has ended", 3, 1, 2, 0, workflow.Over),
	Entry("is over when everybody has failed", 3, 0, 3, 0, workflow.Over),
)

// BenchmarkDeployment walks 10,000 nodes through a deployment.
func BenchmarkDeployment(b *testing.B) {
	plan, err := workflow.NewPlan(macrosteps(nil, nil), (&player{}).facts(nil))
	if err != nil {
		b.Fatal(err)
	}
	var hosts []workflow.HostPlan
	for i := range 10000 {
		hosts = append(hosts, workflow.HostPlan{Host: "node-" + itoa(i), Plan: plan})
	}
	now := time.Unix(0, 0)
	b.ReportAllocs()
	for b.Loop() {
		d := workflow.New(workflow.Config{Hosts: hosts, Grace: time.Minute})
		for _, ev := range []func(string) workflow.Event{
			func(h string) workflow.Event { return workflow.Ready{Host: h} },
			func(h string) workflow.Event { return workflow.Finished{Host: h} },
			func(h string) workflow.Event { return workflow.Arrived{Host: h} },
			func(h string) workflow.Event { return workflow.Passed{Host: h} },
			func(h string) workflow.Event { return workflow.Finished{Host: h} },
			func(h string) workflow.Event { return workflow.Finished{Host: h} },
		} {
			for _, h := range hosts {
				d.Handle(now, ev(h.Host))
			}
		}
		if ok, _, _ := d.Counts(); ok != len(hosts) {
			b.Fatalf("%d nodes are OK", ok)
		}
	}
}

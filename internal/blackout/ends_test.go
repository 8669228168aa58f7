package blackout

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/actors/message"
)

var _ = Describe("The judge of ends and refusals", func() {
	resumed := uint32(0)
	judged := func(text string, q Request, kills ...float64) []string {
		var at []time.Time
		for _, k := range kills {
			at = append(at, second(k))
		}
		end := &message.Ended{Text: text, Nodes: []*message.NodeReport{{Name: "node-1", Phase: message.NodePhase_KO, Cause: "interrupted: because"}}}
		return judgeEnds(map[string][]*message.Event{"D": {{Time: timestamppb.New(second(100)), Fact: &message.Event_Ended{Ended: end}}}},
			map[string]*message.PastOperation{"D": {Since: timestamppb.New(second(10)), Resumed: resumed}}, map[string]Request{"D": q}, at)
	}
	notResumed := func(why string) string {
		return "interrupted: the server was stopped at 2026-01-01 00:00:00, and the operation was not resumed: " + why
	}

	It("finds an operation that did not go on, and has nothing against one that was stopped four times or cancelled", func() {
		Expect(judged(notResumed("it was started with --no-resume"), Request{}, 20)).To(ConsistOf("D did not go on: it was started with --no-resume"))
		Expect(judged(notResumed("the server was stopped 4 times in the middle of it"), Request{}, 20, 30, 40, 50)).To(BeEmpty())
		Expect(judged(notResumed("cancelled: by root"), Request{Cancel: time.Second}, 20)).To(BeEmpty())
		Expect(judged(notResumed("cancelled: by root"), Request{}, 20)).To(HaveLen(1))
	})
	It("counts the stops itself", func() {
		Expect(judged(notResumed("the server was stopped 4 times in the middle of it"), Request{}, 5, 20, 30, 110)).
			To(ConsistOf("D did not go on: the server was stopped 4 times in the middle of it, and it was 2 times"))
	})
	It("finds an operation that was interrupted and ended, though nobody took it up", func() {
		Expect(judged("0 of 1 nodes OK", Request{}, 20, 30)).To(ConsistOf("D was interrupted 2 times, and ended without having been taken up: 0 of 1 nodes OK"))
	})
	It("finds nodes that are KO because they were interrupted, in an operation that went on", func() {
		resumed = 1
		DeferCleanup(func() { resumed = 0 })
		Expect(judged("0 of 1 nodes OK", Request{}, 20)).To(ConsistOf("D: node-1 is KO because it was interrupted: because"))
	})
	It("takes no for an answer where somebody has the nodes, and where the database is in trouble", func() {
		calm, troubled := &run{calm: true}, &run{}
		busy := &message.Refused{Code: message.Refusal_BUSY, Busy: []*message.Holder{{Node: "node-1"}}}
		Expect(calm.unfounded(busy)).To(BeEmpty())
		Expect(calm.unfounded(&message.Refused{Code: message.Refusal_BUSY})).To(Equal("because of nobody"))
		Expect(calm.unfounded(&message.Refused{Code: message.Refusal_UNAVAILABLE})).To(Equal("as UNAVAILABLE"))
		Expect(troubled.unfounded(&message.Refused{Code: message.Refusal_UNAVAILABLE})).To(BeEmpty())
		Expect(troubled.unfounded(&message.Refused{Code: message.Refusal_INVALID})).To(Equal("as INVALID"))
	})
	It("knows when nobody has answered", func() {
		Expect(unanswered(client.ErrNoServer)).To(BeTrue())
		Expect(unanswered(&client.RefusedError{Refused: &message.Refused{}})).To(BeFalse())
	})
})

var _ = Describe("A series of runs", func() {
	series := func(runs ...Outcome) []string {
		var s Series
		for _, o := range runs {
			s.Add(&o)
		}
		return s.Wrong()
	}
	idle := Outcome{Calm: true, Hit: 1, Awaited: 1}
	good := Outcome{Calm: true, Hit: 1, Awaited: 1, OK: 1, Resumed: 1, Back: 1}

	It("is wrong when no node was OK, no operation taken up again, no agent back", func() {
		Expect(series(idle, idle, idle, idle, idle)).To(ConsistOf("no node was OK in 5 runs", "no operation was taken up again after 5 kills", "none of 5 agents that were waited for came back"))
		Expect(series(idle, idle, idle, idle, good)).To(BeEmpty())
	})
	It("says nothing of few runs, where nothing was hit, nor of a database in trouble", func() {
		Expect(series(idle, idle, idle, idle)).To(BeEmpty())
		Expect(series(good, Outcome{Calm: true}, Outcome{Calm: true}, Outcome{Calm: true}, Outcome{Calm: true})).To(BeEmpty())
		Expect(series(Outcome{Hit: 9}, Outcome{}, Outcome{}, Outcome{}, Outcome{})).To(BeEmpty())
	})
})

var _ = Describe("What a seed draws", func() {
	It("has custom operations, pre-installs and reboots of both levels among the first seeds", func() {
		var customs, prepares int
		levels := make(map[string]int)
		for seed := range uint64(30) {
			for _, q := range Draw(seed).Requests {
				if q.Custom != (Place{}) {
					customs++
				}
				if q.Prepares {
					prepares++
				}
				if q.Reboot {
					levels[q.Level]++
				}
			}
		}
		Expect(customs).To(BeNumerically(">", 10))
		Expect(prepares).To(BeNumerically(">", 3))
		Expect(levels).To(And(HaveKey("soft"), HaveKey("hard"), HaveLen(2)))
	})
})

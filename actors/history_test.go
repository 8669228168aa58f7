package actors_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/encoding/prototext"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/store"
)

// past is what the server's history has.
func (c *client) past(r *message.HistoryRequest) []*message.PastOperation {
	GinkgoHelper()
	r.ClientId = "past"
	answer := c.ask(r)
	Expect(answer).To(BeAssignableToTypeOf(&message.History{}), fmt.Sprint(answer))
	return answer.(*message.History).GetOperations()
}

func (c *client) shown(id string) *message.Shown {
	GinkgoHelper()
	answer := c.ask(&message.ShowRequest{ClientId: "show", Id: id})
	Expect(answer).To(BeAssignableToTypeOf(&message.Shown{}), fmt.Sprint(answer))
	return answer.(*message.Shown)
}

func (c *client) stats(kind string) *message.Stats {
	GinkgoHelper()
	answer := c.ask(&message.StatsRequest{ClientId: "stats", Steps: true, Nodes: true, Causes: true, Kind: kind})
	Expect(answer).To(BeAssignableToTypeOf(&message.Stats{}), fmt.Sprint(answer))
	return answer.(*message.Stats)
}

// tries are those of a node, in words.
func tries(m *message.Shown, node string) []string {
	var all []string
	for _, t := range m.GetTries() {
		if t.GetNode() == node {
			all = append(all, fmt.Sprintf("%s %d %s %s", t.GetMacro(), t.GetTry(), t.GetMicro(), t.GetOutcome()))
		}
	}
	return all
}

var passed = []string{"SetDeploymentEnv 1  TRY_OK", "BroadcastEnv 1  TRY_OK", "BootNewEnv 1  TRY_OK"}

var _ = Describe("The history", func() {
	It("tells what was asked for, and what became of it on every node", func() {
		s := newSite(blueprint{memory: true, node: map[int]string{
			2: "sandbox_fault=boot-fails:1 timeout_reboot=0.5", 3: "sandbox_fault=never-boots timeout_reboot=0.5"}})
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_PARTIAL), o.ended.String())

		listed := s.client().past(&message.HistoryRequest{Node: "node-3", User: "ada", Outcomes: []message.Outcome{message.Outcome_PARTIAL}})
		Expect(listed).To(HaveLen(1))
		Expect(listed[0].GetId()).To(Equal(o.id))
		Expect(listed[0].GetKind()).To(Equal("deploy"))
		Expect(listed[0].GetEnvironment()).To(Equal("tiny:7"))
		Expect([]uint32{listed[0].GetTotal(), listed[0].GetOk(), listed[0].GetKo()}).To(Equal([]uint32{3, 2, 1}))
		Expect(s.client().past(&message.HistoryRequest{Kind: "reboot"})).To(BeEmpty())

		m := s.client().shown(o.id)
		Expect(m.GetNodes()).To(Equal("node-[1-3]"))
		Expect(m.GetEnvironmentPath()).To(Equal(s.path("image.env")))
		Expect(m.GetImageDigest()).To(Equal(s.state("node-1").GetImage()))
		Expect(m.GetImageDigest()).To(HaveLen(64))
		Expect(m.GetResults()).To(HaveLen(3))
		Expect(m.GetResults()[1].GetPhase()).To(Equal(message.NodePhase_OK))
		Expect(m.GetResults()[1].GetTries()).To(BeEquivalentTo(2))
		Expect(m.GetResults()[2].GetPhase()).To(Equal(message.NodePhase_KO))
		Expect(m.GetResults()[2].GetState()).To(HavePrefix("SetDeploymentEnv/"))
		Expect(m.GetResults()[2].GetCause()).NotTo(BeEmpty())
		Expect(tries(m, "node-1")).To(Equal(passed))
		Expect(tries(m, "node-2")).To(Equal(append([]string{"SetDeploymentEnv 1 wait_reboot TRY_FAILED", "SetDeploymentEnv 2  TRY_OK"}, passed[1:]...)))
		Expect(tries(m, "node-3")).To(HaveExactElements(ContainSubstring("TRY_FAILED"), ContainSubstring("TRY_FAILED")))
		Expect(m.GetNext()).To(BeEmpty())
	})

	It("has no failure of a node, and no time of a step, that a restart of the server made", func() {
		s := slowSecond(func(b *blueprint) { b.lasting = true })
		o := s.begin(s.deployment("node-2"))
		o.enters("node-2", "wait_reboot")
		s.restart()
		o = s.resumed(o)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(tries(s.client().shown(o.id), "node-2")).To(Equal(passed))
		m := s.client().stats("deploy")
		Expect(m.GetCauses()).To(BeEmpty())
		Expect(m.GetSteps()).To(HaveLen(3))
		for _, step := range m.GetSteps() {
			Expect(step.GetFailed() + step.GetCut()).To(BeZero())
			if step.GetMacro() == "SetDeploymentEnv" {
				Expect([]uint64{step.GetOk(), step.GetResumed()}).To(Equal([]uint64{0, 1}))
				Expect(step.GetMax().AsDuration()).To(BeZero())
				continue
			}
			Expect([]uint64{step.GetOk(), step.GetResumed()}).To(Equal([]uint64{1, 0}))
		}
	})

	It("of an operation that is under way is what is known up to now", func() {
		s := newSite(blueprint{memory: true, nodes: 2, node: map[int]string{1: "sandbox_fault=never-boots timeout_reboot=600"}})
		o := s.begin(s.deployment())
		o.until("node-2 OK", func(e *message.Event) bool {
			return e.GetNode().GetNode() == "node-2" && e.GetNode().GetPhase() == message.NodePhase_OK
		})
		m := s.client().shown(o.id) // what a client has heard is in the database
		Expect(m.GetOperation().GetUntil()).To(BeNil())
		Expect(m.GetResults()).To(BeEmpty())
		Expect(tries(m, "node-2")).To(Equal(passed))
		Expect(tries(m, "node-1")).To(BeEmpty())
		Expect(m.GetStanding()).To(HaveExactElements(
			And(HaveField("Phase", message.NodePhase_RUNNING), HaveField("State", "SetDeploymentEnv/Untrusted/wait_reboot"), HaveField("Nodes", "node-1")),
			And(HaveField("Phase", message.NodePhase_OK), HaveField("State", ""), HaveField("Nodes", "node-2"))))
		Expect(s.client().past(&message.HistoryRequest{})).To(HaveExactElements(HaveField("Until", BeNil())))
	})

	It("of a node has the operation that is under way there, with the time that it has taken up to now", func() {
		s := newSite(blueprint{memory: true, nodes: 2, node: map[int]string{1: "sandbox_fault=never-boots timeout_reboot=600"}})
		ended := s.run(s.deployment("node-2"))
		o := s.begin(s.deployment("node-1", "node-2"))
		o.enters("node-1", "wait_reboot")
		of := func(node string) []*message.PastOperation {
			return s.client().past(&message.HistoryRequest{Node: node})
		}
		Expect(of("node-1")).To(HaveExactElements(HaveField("Id", o.id)))
		Expect(of("node-2")).To(HaveExactElements(HaveField("Id", o.id), HaveField("Id", ended.id)))
		Expect(of("node-1")[0].GetUntil()).To(BeNil())
		Expect(of("node-1")[0].GetTook().AsDuration()).To(BeNumerically(">", 0))
		Expect(s.client().past(&message.HistoryRequest{Node: "node-1", Outcomes: []message.Outcome{message.Outcome_FAILED}})).To(BeEmpty())
		s.give(add("bob", "node-2"))
		Expect(s.clientOf("bob").past(&message.HistoryRequest{Node: "node-2"})).To(BeEmpty(), "it is another's")
	})

	It("outlives the server, and is read in pages", func() {
		s := newSite(blueprint{memory: true, nodes: 1})
		first, second := s.run(s.deployment()), s.run(s.deployment())
		s.restart()
		Expect(s.client().past(&message.HistoryRequest{Limit: 1})).To(HaveExactElements(HaveField("Id", second.id)))
		Expect(s.client().past(&message.HistoryRequest{Limit: 1, Before: second.id})).To(HaveExactElements(HaveField("Id", first.id)))
		Expect(s.client().shown(first.id).GetResults()).To(HaveLen(1))
		Expect(s.client().refused(&message.HistoryRequest{ClientId: "h", Before: "D-9"}).GetCode()).To(Equal(message.Refusal_UNKNOWN_ID))
	})

	It("is for the owner and for admins; the statistics are for everybody and name nobody", func() {
		s := newSite(blueprint{memory: true, nodes: 2, node: map[int]string{2: "sandbox_fault=never-boots timeout_reboot=0.3"}})
		s.give(add("bob", "node-1"))
		adas, bobs := s.run(s.deployment()), s.run(as("bob", s.deployment("node-1")))
		bob := s.clientOf("bob")
		Expect(s.client().past(&message.HistoryRequest{})).To(HaveLen(2))
		Expect(bob.past(&message.HistoryRequest{})).To(HaveExactElements(HaveField("Id", bobs.id)))
		Expect(bob.past(&message.HistoryRequest{User: "bob"})).To(HaveLen(1))
		Expect(bob.refused(&message.HistoryRequest{ClientId: "h", User: "ada"}).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
		Expect(bob.shown(bobs.id).GetResults()).To(HaveLen(1))
		Expect(bob.refused(&message.ShowRequest{ClientId: "s", Id: adas.id}).GetCode()).To(Equal(message.Refusal_FORBIDDEN))

		Expect(bob.stats("reboot")).To(HaveField("Nodes", BeEmpty()))
		stats := bob.stats("deploy")
		Expect(prototext.Format(stats)).NotTo(Or(ContainSubstring("ada"), ContainSubstring("bob")))
		Expect(stats.GetDatabaseBytes()).To(BeNumerically(">", 4096))
		Expect(stats.GetNodes()).To(HaveLen(2))
		Expect(stats.GetNodes()[0].GetOk()).To(BeEquivalentTo(2))
		Expect(stats.GetNodes()[1].GetKo()).To(BeEquivalentTo(1))
		Expect(stats.GetNodes()[1].GetRetries()).To(BeEquivalentTo(1))
		Expect(stats.GetCauses()[0].GetCount()).To(BeEquivalentTo(2))
		Expect(stats.GetCauses()[0].GetExample()).To(Equal("node-2"))
		Expect(stats.GetSteps()).To(ContainElement(And(HaveField("Macro", "BootNewEnv"), HaveField("Ok", BeEquivalentTo(2)))))
	})

	It("says of an operation that it does not have where to look", func() {
		s := newSite(blueprint{memory: true, nodes: 1})
		no := s.client().refused(&message.ShowRequest{ClientId: "s", Id: "D-9"})
		Expect(no.GetCode()).To(Equal(message.Refusal_UNKNOWN_ID))
		Expect(no.GetText()).To(ContainSubstring("see kadeploy history"))
		Expect(s.client().refused(&message.StatusRequest{ClientId: "s", Id: "D-9"}).GetText()).To(ContainSubstring("kadeploy history"))
	})

	It("ends with history_keep, and the log says how many operations that were", func() {
		s := newSite(blueprint{memory: true, nodes: 1, global: map[string]string{"history_keep": "30"}})
		day := func(ago int) time.Time { return time.Now().AddDate(0, 0, -ago) }
		Expect(s.database.Write(context.Background(), store.Batch{Begin: []store.Operation{
			{ID: "D-old", User: "ada", Since: day(40), Until: day(31), Outcome: "ALL_OK"},
			{ID: "D-late", User: "ada", Since: day(40), Until: day(29), Outcome: "ALL_OK"},
		}})).To(Succeed())
		s.restart()
		Eventually(func() []*message.PastOperation { return s.client().past(&message.HistoryRequest{}) }).Should(HaveExactElements(HaveField("Id", "D-late")))
		Eventually(s.log.String).Should(MatchRegexp(`msg="database pruned" actor=history removed=1`))
	})

	It("counts for as long as statistics_keep says", func() {
		s := newSite(blueprint{memory: true, nodes: 1, global: map[string]string{"history_keep": "0", "statistics_keep": "60"}})
		var b store.Batch
		for ago, id := range map[int]string{100: "D-old", 50: "D-late"} {
			when := time.Now().AddDate(0, 0, -ago)
			b.Begin = append(b.Begin, store.Operation{ID: id, User: "ada", Kind: "deploy", Since: when, Until: when, Outcome: "ALL_OK"})
			b.Results = append(b.Results, store.Result{Operation: id, Node: id, Phase: store.PhaseOK, Tries: 1, At: when})
		}
		Expect(s.database.Write(context.Background(), b)).To(Succeed())
		s.restart()
		Eventually(func() ([]store.NodeRate, error) {
			return s.database.NodeRates(context.Background(), "", time.Time{}, time.Time{})
		}).Should(HaveExactElements(HaveField("Node", "D-late")))
		Expect(s.client().past(&message.HistoryRequest{})).To(HaveLen(2))
	})

	It("of a server without a database is a refusal", func() {
		s := newSite(blueprint{nodes: 1})
		no := s.client().refused(&message.HistoryRequest{ClientId: "h"})
		Expect(no.GetCode()).To(Equal(message.Refusal_UNAVAILABLE))
		Expect(no.GetText()).To(Equal("this server keeps no history"))
	})
})

package store_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/store"
)

// past writes so many operations, each a minute after the one before; every third is bob's, every fifth a reboot, every
// second failed, and node-<n%4> was in it.
func past(s *store.Store, n int) {
	GinkgoHelper()
	var b store.Batch
	for i := range n {
		id := fmt.Sprintf("D-%03d", i)
		o := store.Operation{ID: id, User: "ada", Kind: "deploy", Since: at(60 * i), Request: []byte("long")}
		if i%3 == 0 {
			o.User = "bob"
		}
		if i%5 == 0 {
			o.Kind = "reboot"
		}
		b.Begin = append(b.Begin, o)
		b.Events = append(b.Events, store.Event{Operation: id, Seq: 1, Time: at(60 * i)})
		b.Steps = append(b.Steps, store.Step{Operation: id, Node: fmt.Sprintf("node-%d", i%4), Macro: "M", Outcome: store.StepOK, At: at(60 * i), Took: time.Second})
		b.Results = append(b.Results, store.Result{Operation: id, Node: fmt.Sprintf("node-%d", i%4), Phase: store.PhaseOK, At: at(60*i + 1)})
		b.Ends = append(b.Ends, store.End{Operation: id, Outcome: []string{"failed", "all_ok"}[i%2], Until: at(60*i + 30)})
	}
	Expect(s.Write(ctx, b)).To(Succeed())
}

func ids(all []store.Operation) []string {
	var names []string
	for _, o := range all {
		names = append(names, o.ID)
	}
	return names
}

var _ = onBoth("The history", func(fresh func() string) {
	var s *store.Store
	BeforeEach(func() {
		s = opened(fresh())
		past(s, 30)
	})

	DescribeTable("lists, newest first, what was asked for", func(q store.Query, want ...string) {
		all, err := s.History(ctx, q)
		Expect(err).NotTo(HaveOccurred())
		Expect(ids(all)).To(HaveExactElements(want))
	},
		Entry("some", store.Query{Limit: 2}, "D-029", "D-028"),
		Entry("of a user", store.Query{User: "bob", Limit: 2}, "D-027", "D-024"),
		Entry("of a kind", store.Query{Kind: "reboot", Limit: 2}, "D-025", "D-020"),
		Entry("with an outcome", store.Query{Outcomes: []string{"failed"}, Limit: 2}, "D-028", "D-026"),
		Entry("with a node", store.Query{Node: "node-1", Limit: 2}, "D-029", "D-025"),
		Entry("all of these", store.Query{User: "bob", Kind: "reboot", Outcomes: []string{"all_ok"}, Node: "node-3"}, "D-015"),
		Entry("of a span", store.Query{Since: at(60), Until: at(180)}, "D-002", "D-001"),
		Entry("page after page", store.Query{Before: "D-002"}, "D-001", "D-000"),
		Entry("a page of a user", store.Query{User: "bob", Before: "D-004"}, "D-003", "D-000"),
		Entry("nothing", store.Query{User: "eve"}))

	It("lists with a node what is under way there, which has no results yet", func() {
		Expect(s.Write(ctx, store.Batch{Begin: []store.Operation{{ID: "D-now", User: "ada", Kind: "deploy", Since: at(3600)}}})).To(Succeed())
		found := func(q store.Query) []string {
			all, err := s.History(ctx, q)
			Expect(err).NotTo(HaveOccurred())
			return ids(all)
		}
		q := store.Query{Node: "node-1", Underway: []string{"D-now", "D-028", "D-gone"}, Limit: 2}
		Expect(found(q)).To(HaveExactElements("D-now", "D-029"), "D-028 has ended, and node-1 was not in it")
		q.User = "bob"
		Expect(found(q)).To(HaveExactElements("D-021", "D-009"))
		Expect(found(store.Query{Node: "node-9", Underway: []string{"D-now"}})).To(HaveExactElements("D-now"))
		Expect(s.Write(ctx, store.Batch{Ends: []store.End{{Operation: "D-now", Until: at(3700)}}})).To(Succeed())
		Expect(found(store.Query{Node: "node-9", Underway: []string{"D-now"}})).To(BeEmpty())
	})

	It("gives 100 when no number is asked for, and leaves the long parts out", func() {
		all, err := s.History(ctx, store.Query{})
		Expect(err).NotTo(HaveOccurred())
		Expect(all).To(HaveLen(30))
		Expect(all[0].Request).To(BeNil())
		Expect(all[0].Until).To(Equal(at(29*60 + 30)))
	})

	It("passes over nothing and repeats nothing when operations began at the same moment", func() {
		var b store.Batch
		for i := range 50 {
			b.Begin = append(b.Begin, store.Operation{ID: fmt.Sprintf("E-%02d", i), User: "eve", Since: at(9)})
		}
		Expect(s.Write(ctx, b)).To(Succeed())
		var seen []string
		q := store.Query{User: "eve", Limit: 7}
		for {
			page, err := s.History(ctx, q)
			Expect(err).NotTo(HaveOccurred())
			if len(page) == 0 {
				break
			}
			seen = append(seen, ids(page)...)
			q.Before = page[len(page)-1].ID
		}
		Expect(seen).To(HaveLen(50))
		Expect(seen[0]).To(Equal("E-49"))
		Expect(seen[49]).To(Equal("E-00"))
	})

	It("says so when the operation to go on from is gone", func() {
		_, err := s.History(ctx, store.Query{Before: "D-999"})
		Expect(err).To(MatchError("operation D-999 is not known"))
		Expect(err).To(MatchError(store.ErrUnknown))
	})
})

var _ = onBoth("Pruning", func(fresh func() string) {
	var s *store.Store
	BeforeEach(func() {
		s = opened(fresh())
		past(s, 30)
		Expect(s.Write(ctx, store.Batch{Begin: []store.Operation{{ID: "U-1", Since: at(-9999)}}})).To(Succeed())
	})

	It("removes what ended before, with all its facts, and nothing else", func() {
		Expect(s.Prune(ctx, at(60*10+30), nil)).To(Equal(10))
		all, err := s.History(ctx, store.Query{})
		Expect(err).NotTo(HaveOccurred())
		Expect(ids(all)).To(And(HaveLen(21), ContainElements("D-010", "U-1")))
		for _, table := range []string{"events", "steps", "results"} {
			Expect(s.Count(ctx, "SELECT count(*) FROM "+table)).To(Equal(20))
		}
		Expect(s.Events(ctx, "D-009", 0, 10)).To(BeEmpty())
		Expect(s.Events(ctx, "D-010", 0, 10)).To(HaveLen(1))
		Expect(s.Prune(ctx, at(60*10+30), nil)).To(BeZero())
	})

	It("keeps what it is told to keep", func() {
		keep := func(o store.Operation) bool { return o.User == "bob" }
		Expect(s.Prune(ctx, at(60*30), keep)).To(Equal(20))
		Expect(s.History(ctx, store.Query{User: "bob"})).To(HaveLen(10))
	})

	It("leaves statistics alone, which go by their own age", func() {
		Expect(s.Prune(ctx, at(99999), nil)).To(Equal(30))
		Expect(s.StepTimes(ctx, "", noon, noon)).To(HaveExactElements(HaveField("OK", 30)))
		Expect(s.PruneStatistics(ctx, noon)).To(Succeed())
		Expect(s.StepTimes(ctx, "", noon, noon)).To(HaveLen(1), "the day is not over")
		Expect(s.PruneStatistics(ctx, noon.AddDate(0, 0, 1))).To(Succeed())
		Expect(s.StepTimes(ctx, "", noon, noon)).To(BeEmpty())
		Expect(s.StepTimes(ctx, "", time.Time{}, time.Time{})).To(HaveLen(1), "the month is not over")
		Expect(s.PruneStatistics(ctx, noon.AddDate(0, 1, 0))).To(Succeed())
		for _, table := range []string{"step_counts", "node_counts", "cause_counts"} {
			Expect(s.Count(ctx, "SELECT count(*) FROM "+table)).To(BeZero())
		}
	})

	It("removes an operation of many facts in pieces", func() {
		var b store.Batch
		b.Begin = []store.Operation{{ID: "big", Since: at(0)}}
		for i := range 2500 {
			b.Events = append(b.Events, store.Event{Operation: "big", Seq: uint64(i), Time: noon})
			b.Steps = append(b.Steps, store.Step{Operation: "big", Node: fmt.Sprint(i % 1250), Try: i, At: noon})
		}
		b.Ends = []store.End{{Operation: "big", Until: at(1)}}
		Expect(s.Write(ctx, b)).To(Succeed())
		Expect(s.Prune(ctx, at(2), nil)).To(Equal(1))
		Expect(s.Count(ctx, "SELECT count(*) FROM events")).To(Equal(30))
		Expect(s.Count(ctx, "SELECT count(*) FROM steps")).To(Equal(30))
	})
})

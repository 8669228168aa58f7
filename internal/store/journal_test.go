package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/store"
)

// begun is an operation of two nodes that is under way, with every kind of fact.
func begun() store.Batch {
	return store.Batch{
		Begin: []store.Operation{{
			ID: "D-1", User: "ada", ClientID: "c-1", Kind: "deploy", Environment: "debian:12", MinNodes: 1, Total: 2,
			Since: at(0), Request: []byte("please\x00\xff"),
		}},
		Events: []store.Event{
			{Operation: "D-1", Seq: 1, Time: at(0), Fact: []byte("began")},
			{Operation: "D-1", Seq: 2, Time: at(1), Fact: []byte{0, 255}},
		},
		Steps: []store.Step{
			{Operation: "D-1", Node: "blue-1", Cluster: "blue", Macro: "SetDeploymentEnv", Instance: "Untrusted", Micro: "reboot", Try: 1,
				At: at(1), Took: 3 * time.Second, Outcome: store.StepFailed, Kind: "retry", Cause: "blue-1: no answer from 10.0.0.1"},
			{Operation: "D-1", Node: "blue-1", Cluster: "blue", Macro: "SetDeploymentEnv", Instance: "Untrusted", Micro: "reboot", Try: 2,
				At: at(4), Took: 2 * time.Second, Outcome: store.StepOK},
		},
		Results: []store.Result{
			{Operation: "D-1", Node: "blue-1", Cluster: "blue", Phase: store.PhaseOK, Tries: 2, At: at(9)},
			{Operation: "D-1", Node: "blue-2", Cluster: "blue", Phase: store.PhaseKO, State: "SetDeploymentEnv/Untrusted/reboot", Cause: "no power", Tries: 3, At: at(9)},
		},
		Nodes: []store.NodeState{{Node: "blue-1", State: "deploying", Operation: "D-1", User: "ada", Since: at(0)}},
	}
}

func ended() store.Batch {
	return store.Batch{
		Nodes: []store.NodeState{{Node: "blue-1", State: "deployed", Operation: "D-1", User: "ada", Environment: "debian:12", Image: "abcd", Since: at(10)}},
		Ends:  []store.End{{Operation: "D-1", Outcome: "quorum", Text: "1 of 2", OK: 1, KO: 1, Until: at(10), Answer: []byte("report")}},
	}
}

var _ = onBoth("A store", func(fresh func() string) {
	var s *store.Store
	BeforeEach(func() { s = opened(fresh()) })

	It("gives back what was written, whole", func() {
		b := begun()
		Expect(s.Write(ctx, b)).To(Succeed())
		Expect(s.Operation(ctx, "D-1")).To(Equal(b.Begin[0]))
		Expect(s.Events(ctx, "D-1", 0, 10)).To(Equal(b.Events))
		Expect(s.Steps(ctx, "D-1")).To(Equal(b.Steps))
		Expect(s.Results(ctx, "D-1")).To(Equal(b.Results))
		Expect(s.Nodes(ctx)).To(Equal(b.Nodes))
	})

	It("knows the disks of a node as they were seen last, whatever is written later", func() {
		seen := func(second int, disks string) store.Batch {
			return store.Batch{Disks: []store.NodeDisks{{Node: "blue-1", Seen: at(second), Disks: []byte(disks)}}}
		}
		Expect(s.Disks(ctx)).To(BeEmpty())
		for _, b := range []store.Batch{seen(1, "sda\x00\xff"), seen(3, "sda, sdb"), seen(2, "sda")} {
			Expect(s.Write(ctx, b)).To(Succeed())
		}
		Expect(s.Disks(ctx)).To(Equal(seen(3, "sda, sdb").Disks))
		Expect(s.Write(ctx, seen(4, strings.Repeat("x", 16<<20+1)))).To(MatchError(ContainSubstring("disks of blue-1")))
	})

	It("knows what has not ended, and its end", func() {
		Expect(s.Write(ctx, begun())).To(Succeed())
		Expect(s.Unended(ctx)).To(Equal(begun().Begin))
		Expect(s.Write(ctx, ended())).To(Succeed())
		Expect(s.Unended(ctx)).To(BeEmpty())
		want := begun().Begin[0]
		want.OK, want.KO, want.Until, want.Outcome, want.Text, want.Answer = 1, 1, at(10), "quorum", "1 of 2", []byte("report")
		Expect(s.Operation(ctx, "D-1")).To(Equal(want))
		Expect(s.Nodes(ctx)).To(Equal(ended().Nodes))
	})

	It("gives the nodes of an operation back in pages", func() {
		b := begun()
		b.Steps[1].Node = "blue-0" // it has no result yet
		Expect(s.Write(ctx, b)).To(Succeed())
		Expect(s.NodesOf(ctx, "D-1", "", 2)).To(Equal([]string{"blue-0", "blue-1"}))
		Expect(s.NodesOf(ctx, "D-1", "blue-1", 2)).To(Equal([]string{"blue-2"}))
		Expect(s.NodesOf(ctx, "D-1", "blue-2", 2)).To(BeEmpty())
		Expect(s.StepsOf(ctx, "D-1", store.Span{To: "blue-0"}, 9)).To(Equal(b.Steps[1:]))
		Expect(s.StepsOf(ctx, "D-1", store.Span{After: "blue-0"}, 9)).To(Equal(b.Steps[:1]))
		Expect(s.StepsOf(ctx, "D-1", store.Span{}, 1)).To(Equal(b.Steps[1:]))
		Expect(s.ResultsOf(ctx, "D-1", store.Span{After: "blue-1", To: "blue-2"}, 9)).To(Equal(b.Results[1:]))
	})

	It("finds operations by how they ended", func() {
		for i, outcome := range []string{"ALL_OK", "FAILED", "PARTIAL", ""} {
			id := fmt.Sprint("D-", i)
			Expect(s.Write(ctx, store.Batch{Begin: []store.Operation{{ID: id, User: "ada", Since: at(i), Outcome: outcome}}})).To(Succeed())
		}
		found, err := s.History(ctx, store.Query{Outcomes: []string{"FAILED", "PARTIAL"}, User: "ada"})
		Expect(err).NotTo(HaveOccurred())
		Expect(found).To(HaveExactElements(HaveField("ID", "D-2"), HaveField("ID", "D-1")))
	})

	It("keeps the answer that an operation has when its end brings none", func() {
		b := begun()
		b.Begin[0].Answer = []byte("accepted")
		end := ended()
		end.Ends[0].Answer = nil
		Expect(s.Write(ctx, b)).To(Succeed())
		Expect(s.Write(ctx, end)).To(Succeed())
		Expect(s.Operation(ctx, "D-1")).To(HaveField("Answer", []byte("accepted")))
	})

	It("changes nothing when a batch is written twice", func() {
		for range 2 {
			Expect(s.Write(ctx, begun())).To(Succeed())
		}
		Expect(s.Events(ctx, "D-1", 0, 10)).To(HaveLen(2))
		Expect(s.Steps(ctx, "D-1")).To(HaveLen(2))
		Expect(s.Results(ctx, "D-1")).To(HaveLen(2))
		for range 2 {
			Expect(s.Write(ctx, ended())).To(Succeed())
		}
		late := ended()
		late.Ends[0].Outcome, late.Ends[0].Until = "failed", at(99)
		Expect(s.Write(ctx, late)).To(Succeed())
		Expect(s.Operation(ctx, "D-1")).To(And(HaveField("Outcome", "quorum"), HaveField("Until", at(10))))
		Expect(s.NodeRates(ctx, "", at(0), at(1))).To(HaveExactElements(
			store.NodeRate{Node: "blue-1", Cluster: "blue", OK: 1, Retries: 1}, store.NodeRate{Node: "blue-2", Cluster: "blue", KO: 1, Retries: 2}))
	})

	It("counts each resumption once", func() {
		Expect(s.Write(ctx, begun())).To(Succeed())
		for _, times := range []int{1, 1, 2, 2, 1} {
			Expect(s.Write(ctx, store.Batch{Resumed: []store.Resume{{Operation: "D-1", Times: times}}})).To(Succeed())
		}
		Expect(s.Operation(ctx, "D-1")).To(HaveField("Resumed", 2))
	})

	It("writes all of a batch or nothing", func() {
		b := begun()
		b.Events = append(b.Events, store.Event{Operation: "D-2", Seq: 1, Time: at(0)})
		Expect(s.Write(ctx, b)).To(MatchError(store.ErrUnknown))
		Expect(s.Unended(ctx)).To(BeEmpty())
		Expect(s.Nodes(ctx)).To(BeEmpty())
	})

	DescribeTable("refuses facts of an operation that was never begun", func(b store.Batch) {
		err := s.Write(ctx, b)
		Expect(err).To(MatchError(store.ErrUnknown))
		Expect(err.Error()).NotTo(ContainSubstring("\n"))
	},
		Entry("events", store.Batch{Events: []store.Event{{Operation: "D-9", Seq: 1, Time: noon}}}),
		Entry("steps", store.Batch{Steps: []store.Step{{Operation: "D-9", Node: "n"}}}),
		Entry("results", store.Batch{Results: []store.Result{{Operation: "D-9", Node: "n"}}}),
		Entry("resumptions", store.Batch{Resumed: []store.Resume{{Operation: "D-9", Times: 1}}}),
		Entry("ends", store.Batch{Ends: []store.End{{Operation: "D-9", Until: noon}}}))

	DescribeTable("refuses what no database could keep, before it tries", func(b store.Batch, say string) {
		Expect(s.Write(ctx, b)).To(MatchError(ContainSubstring(say)))
	},
		Entry("no id", store.Batch{Begin: []store.Operation{{Since: noon}}}, "expected an id of 1 to 255 bytes"),
		Entry("a long id", store.Batch{Steps: []store.Step{{Operation: strings.Repeat("x", 256)}}}, "expected an id"),
		Entry("an id with NUL", store.Batch{Results: []store.Result{{Operation: "a\x00"}}}, "expected an id"),
		Entry("no beginning", store.Batch{Begin: []store.Operation{{ID: "D-1"}}}, "no time of its beginning"),
		Entry("no end", store.Batch{Ends: []store.End{{Operation: "D-1"}}}, "no time of its end"),
		Entry("a fact without measure", store.Batch{Events: []store.Event{{Operation: "D-1", Seq: 7, Fact: make([]byte, 16<<20+1)}}}, "event 7"))

	It("takes whatever text a node or a user may send", func() {
		odd := "nul \x00, half a rune \xe2\x82, " + strings.Repeat("é", 5000)
		b := begun()
		b.Begin[0].User, b.Begin[0].Environment = odd, odd
		b.Steps = []store.Step{{Operation: "D-1", Node: odd, Cluster: odd, Macro: odd, Instance: odd, Micro: odd, At: at(0), Outcome: store.StepFailed, Kind: odd, Cause: odd}}
		b.Results = []store.Result{{Operation: "D-1", Node: odd, Cluster: odd, Phase: odd, State: odd, Cause: odd, At: at(0)}}
		b.Nodes = []store.NodeState{{Node: odd, State: odd, Image: odd, Since: at(0)}}
		for range 2 {
			Expect(s.Write(ctx, b)).To(Succeed())
		}
		results, err := s.Results(ctx, "D-1")
		Expect(err).NotTo(HaveOccurred())
		Expect(results).To(HaveLen(1))
		Expect(results[0].Cause).To(HavePrefix("nul ?, half a rune ?, éé"))
		Expect(len(results[0].Cause)).To(BeNumerically("<=", 4096))
		Expect(s.History(ctx, store.Query{User: odd, Node: odd})).To(HaveLen(1))
		_, err = s.Operation(ctx, odd)
		Expect(err).To(MatchError(store.ErrUnknown))
	})

	It("hands out events in pieces, from any number on", func() {
		b := store.Batch{Begin: begun().Begin}
		for i := range 25 {
			b.Events = append(b.Events, store.Event{Operation: "D-1", Seq: uint64(i + 1), Time: at(i), Fact: fmt.Append(nil, i)})
		}
		Expect(s.Write(ctx, b)).To(Succeed())
		Expect(s.Events(ctx, "D-1", 1, 10)).To(Equal(b.Events[:10]))
		Expect(s.Events(ctx, "D-1", 21, 10)).To(Equal(b.Events[20:]))
		Expect(s.Events(ctx, "D-1", 26, 10)).To(BeEmpty())
		Expect(s.Events(ctx, "D-1", math.MaxUint64, 10)).To(BeEmpty())
		Expect(s.Events(ctx, "D-1", 1, -1)).To(BeEmpty())
		Expect(s.Events(ctx, "D-2", 1, 10)).To(BeEmpty())
	})

	It("tells how large it is, and finds itself in order", func() {
		Expect(s.Write(ctx, begun())).To(Succeed())
		Expect(s.Size(ctx)).To(BeNumerically(">", 10_000))
		Expect(s.Check(ctx)).To(Succeed())
	})

	It("stops when its caller does", func() {
		done, cancel := context.WithCancel(ctx)
		cancel()
		Expect(s.Write(done, begun())).NotTo(Succeed())
		Expect(s.Write(ctx, begun())).To(Succeed())
	})
})

var _ = onBoth("A store that is opened again", func(fresh func() string) {
	It("has everything that it had", func() {
		url := fresh()
		s, err := store.Open(ctx, store.Config{URL: url})
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Write(ctx, begun())).To(Succeed())
		Expect(s.Close()).To(Succeed())
		Expect(opened(url).Events(ctx, "D-1", 0, 10)).To(Equal(begun().Events))
	})

	It("counts right when two write what is counted together", func() {
		url := fresh()
		one, other := opened(url), opened(url)
		Expect(one.Write(ctx, store.Batch{Begin: []store.Operation{{ID: "D-1", Since: noon}}})).To(Succeed())
		writing := make(chan error)
		for n, s := range []*store.Store{one, other} {
			go func() {
				var err error
				for i := range 30 {
					var b store.Batch
					for _, macro := range []string{"A", "B", "C", "D"} {
						b.Steps = append(b.Steps, store.Step{Operation: "D-1", Node: fmt.Sprint(n), Macro: macro, Try: i, At: noon, Outcome: store.StepOK})
					}
					err = errors.Join(err, s.Write(ctx, b))
				}
				writing <- err
			}()
		}
		Expect([]error{<-writing, <-writing}).To(HaveEach(BeNil()))
		Expect(one.StepTimes(ctx, "", noon, noon.Add(1))).To(And(HaveLen(4), HaveEach(HaveField("OK", 60))))
	})

	It("may be opened by two at once while it is still empty", func() {
		url := fresh()
		opening := make(chan error)
		for range 2 {
			go func() {
				s, err := store.Open(ctx, store.Config{URL: url})
				if err == nil {
					err = s.Close()
				}
				opening <- err
			}()
		}
		for range 2 {
			Expect(<-opening).To(Succeed())
		}
	})
})

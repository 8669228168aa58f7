package store_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/store"
)

var _ = onBoth("Statistics", func(fresh func() string) {
	var s *store.Store
	var url string
	BeforeEach(func() {
		url = fresh()
		s = opened(url)
		Expect(s.Write(ctx, store.Batch{Begin: []store.Operation{{ID: "D-1", Since: noon}}})).To(Succeed())
	})

	step := func(try int, when time.Time, took time.Duration, outcome string) store.Step {
		return store.Step{Operation: "D-1", Node: "blue-7", Cluster: "blue", Macro: "BootNewEnv", Instance: "Classical", Micro: "reboot",
			Try: try, At: when, Took: took, Outcome: outcome}
	}

	It("tell of each step how long it takes, within three percent", func() {
		random := rand.New(rand.NewPCG(1, 2))
		var b store.Batch
		var took []time.Duration
		for i := range 1000 {
			d := time.Duration(random.ExpFloat64() * float64(20*time.Second)).Round(time.Microsecond)
			took = append(took, d)
			b.Steps = append(b.Steps, step(i, at(i), d, store.StepOK))
		}
		b.Steps = append(b.Steps, step(2000, noon, time.Hour, store.StepFailed), step(2001, noon, time.Hour, store.StepCut), step(2002, noon, time.Hour, store.StepResumed))
		for piece := range slices.Chunk(b.Steps, 100) {
			Expect(s.Write(ctx, store.Batch{Steps: piece})).To(Succeed())
		}
		all, err := s.StepTimes(ctx, "", noon, noon.Add(time.Hour))
		Expect(err).NotTo(HaveOccurred())
		Expect(all).To(HaveLen(1))
		slices.Sort(took)
		got := all[0]
		Expect([]string{got.Cluster, got.Macro, got.Instance, got.Micro}).To(Equal([]string{"blue", "BootNewEnv", "Classical", "reboot"}))
		Expect([]int{got.OK, got.Resumed, got.Failed, got.Cut}).To(Equal([]int{1000, 1, 1, 1}))
		Expect(got.Max).To(Equal(took[999]))
		for _, q := range []struct{ got, want time.Duration }{{got.P50, took[499]}, {got.P90, took[899]}, {got.P99, took[989]}} {
			Expect(q.got).To(BeNumerically("~", q.want, q.want*3/100))
		}
	})

	It("count a step once, however often and in whatever company it is written", func() {
		a, b := step(1, noon, time.Second, store.StepFailed), step(2, noon, time.Second, store.StepOK)
		for _, steps := range [][]store.Step{{a}, {a}, {a, b}, {b, a, a}} {
			Expect(s.Write(ctx, store.Batch{Steps: steps})).To(Succeed())
		}
		Expect(s.StepTimes(ctx, "", noon, noon.Add(1))).To(HaveExactElements(And(HaveField("OK", 1), HaveField("Failed", 1))))
		Expect(s.Causes(ctx, "", noon, noon.Add(1))).To(HaveExactElements(HaveField("Count", 1)))
	})

	It("count nothing of a batch that failed", func() {
		bad := store.Batch{Steps: []store.Step{step(1, noon, time.Second, store.StepOK)}, Ends: []store.End{{Operation: "D-9", Until: noon}}}
		Expect(s.Write(ctx, bad)).To(MatchError(store.ErrUnknown))
		Expect(s.StepTimes(ctx, "", time.Time{}, time.Time{})).To(BeEmpty())
	})

	It("are those of the days that touch the span, as a sum over days and whole months", func() {
		var b store.Batch
		first := time.Date(2025, 11, 20, 0, 0, 0, 0, time.UTC)
		for i := range 200 { // a step on each day
			b.Steps = append(b.Steps, step(i, first.AddDate(0, 0, i), time.Second, store.StepOK))
		}
		Expect(s.Write(ctx, b)).To(Succeed())
		count := func(since, until time.Time) (n int) {
			all, err := s.StepTimes(ctx, "", since, until)
			Expect(err).NotTo(HaveOccurred())
			for _, t := range all {
				n += t.OK
			}
			return n
		}
		for from := 0; from < 200; from += 13 {
			for to := from + 1; to <= 200; to += 17 {
				since, until := first.AddDate(0, 0, from), first.AddDate(0, 0, to)
				Expect(count(since, until)).To(Equal(to-from), "%s to %s", since, until)
				Expect(count(since.Add(time.Hour), until.Add(-time.Hour))).To(Equal(to-from), "touched")
			}
		}
		Expect(count(time.Time{}, time.Time{})).To(Equal(200))
		Expect(count(first.AddDate(0, 0, 150), time.Time{})).To(Equal(50))
		Expect(count(time.Time{}, first.AddDate(0, 0, 50))).To(Equal(50))
		Expect(count(noon, noon.AddDate(0, 0, -2))).To(BeZero(), "a span that ends before it begins")
	})

	It("tell of each node how often it gets through", func() {
		var b store.Batch
		for i, phase := range []string{"ok", "ok", "ko", "cut", "cancelled"} {
			id := fmt.Sprintf("R-%d", i)
			b.Begin = append(b.Begin, store.Operation{ID: id, Since: noon})
			b.Results = append(b.Results, store.Result{Operation: id, Node: "blue-1", Cluster: "blue", Phase: phase, Tries: i, At: noon})
		}
		Expect(s.Write(ctx, b)).To(Succeed())
		Expect(s.NodeRates(ctx, "", noon, noon.Add(1))).To(Equal([]store.NodeRate{{Node: "blue-1", Cluster: "blue", OK: 2, KO: 1, Retries: 0 + 0 + 1 + 2 + 3}}))
		Expect(s.NodeRates(ctx, "", noon.AddDate(0, 0, 1), time.Time{})).To(BeEmpty())
	})

	It("are those of operations of one kind, or of all", func() {
		reboot := store.Step{Operation: "R-1", Node: "blue-7", Cluster: "blue", Macro: "BootNewEnv", Instance: "Classical", Micro: "reboot", At: noon, Took: time.Hour,
			Outcome: store.StepFailed, Cause: "no power"}
		Expect(s.Write(ctx, store.Batch{
			Begin: []store.Operation{{ID: "D-2", Kind: "deploy", Since: noon}, {ID: "R-1", Kind: "reboot", Since: noon}},
			Steps: []store.Step{reboot, {Operation: "D-2", Node: "blue-7", Cluster: "blue", Macro: "BootNewEnv", Instance: "Classical", Micro: "reboot", At: noon,
				Took: time.Second, Outcome: store.StepOK}},
			Results: []store.Result{{Operation: "R-1", Node: "blue-7", Phase: store.PhaseKO, Tries: 1, At: noon}, {Operation: "D-2", Node: "blue-7", Phase: store.PhaseOK, Tries: 2, At: noon}},
		})).To(Succeed())
		for kind, want := range map[string][3]int{"deploy": {1, 0, 0}, "reboot": {0, 1, 1}, "": {1, 1, 1}, "power_on": {0, 0, 0}} {
			times, err := s.StepTimes(ctx, kind, noon, noon.Add(1))
			Expect(err).NotTo(HaveOccurred())
			rates, err := s.NodeRates(ctx, kind, noon, noon.Add(1))
			Expect(err).NotTo(HaveOccurred())
			causes, err := s.Causes(ctx, kind, noon, noon.Add(1))
			Expect(err).NotTo(HaveOccurred())
			var got [3]int
			for _, t := range times {
				got[0], got[1] = got[0]+t.OK, got[1]+t.Failed
			}
			for _, c := range causes {
				got[2] += c.Count
			}
			Expect(got).To(Equal(want), kind)
			ok, ko := 0, 0
			for _, r := range rates {
				ok, ko = ok+r.OK, ko+r.KO
			}
			Expect([]int{ok, ko}).To(Equal(want[:2]), kind)
		}
	})

	It("are kept when a database of before kinds were told apart is opened: what the macro-step tells of them is known", func() {
		first, err := os.ReadFile("migrations/001_facts.sql")
		Expect(err).NotTo(HaveOccurred())
		for _, table := range []string{"step_counts", "node_counts", "cause_counts"} {
			Expect(s.Exec(ctx, "DROP TABLE "+table)).To(Succeed())
			Expect(s.Exec(ctx, regexp.MustCompile(`(?s)CREATE TABLE `+table+` \(.*?\n\)`).FindString(string(first)))).To(Succeed())
		}
		Expect(s.Exec(ctx, "DELETE FROM schema_versions WHERE version_id = 6")).To(Succeed())
		day := noon.Unix() / 86400
		for _, macro := range []string{"BootNewEnv", "Reboot", "Power"} {
			Expect(s.Exec(ctx, "INSERT INTO step_counts VALUES ('day', $1, 'blue', $2, 'Simple', '', 'ok', 3, 1, 1000)", day, macro)).To(Succeed())
			Expect(s.Exec(ctx, "INSERT INTO cause_counts VALUES ('day', $1, $2, 'reboot', 'retry', 'no power', 1, 'blue-7')", day, macro)).To(Succeed())
		}
		Expect(s.Exec(ctx, "INSERT INTO node_counts VALUES ('day', $1, 'blue-7', 'blue', 1, 2, 3)", day)).To(Succeed())
		Expect(s.Close()).To(Succeed())
		s = opened(url)
		for kind, n := range map[string]int{"deploy": 1, "reboot": 1, "power_on": 0, "": 3} {
			Expect(s.StepTimes(ctx, kind, noon, noon.Add(1))).To(HaveLen(n), kind)
			Expect(s.Causes(ctx, kind, noon, noon.Add(1))).To(HaveLen(n), kind)
		}
		Expect(s.NodeRates(ctx, "deploy", noon, noon.Add(1))).To(BeEmpty())
		Expect(s.NodeRates(ctx, "", noon, noon.Add(1))).To(Equal([]store.NodeRate{{Node: "blue-7", Cluster: "blue", OK: 1, KO: 2, Retries: 3}}))
	})

	It("bring together failures of one cause on different nodes, the most frequent first", func() {
		var b store.Batch
		for i := range 5 {
			t := step(i, at(i), time.Second, store.StepFailed)
			t.Node = fmt.Sprintf("blue-%d", i)
			t.Kind, t.Cause = "retry", fmt.Sprintf("blue-%d: 10.0.0.%d does not answer after %ds", i, i, 100+i)
			b.Steps = append(b.Steps, t)
		}
		odd := step(9, noon, time.Second, store.StepFailed)
		odd.Kind, odd.Cause = "fatal", "no disk"
		b.Steps = append(b.Steps, odd)
		Expect(s.Write(ctx, b)).To(Succeed())
		Expect(s.Causes(ctx, "", noon, noon.Add(1))).To(HaveExactElements(
			And(HaveField("Count", 5), HaveField("Cause", "NODE: N.N.N.N does not answer after Ns"), HaveField("Kind", "retry"),
				HaveField("Micro", "reboot"), HaveField("Example", HavePrefix("blue-"))),
			store.Cause{Macro: "BootNewEnv", Micro: "reboot", Kind: "fatal", Cause: "no disk", Count: 1, Example: "blue-7"}))
	})
})

var _ = Describe("A bucket of durations", func() {
	It("is five percent wide, and its middle is in it", func() {
		for d := time.Microsecond; d < 1000*time.Hour; d += d/7 + 1 {
			bucket := store.BucketOf(d)
			Expect(bucket).To(BeNumerically("~", 0, store.MaxBucket))
			if d > time.Millisecond {
				Expect(store.Middle(bucket)).To(BeNumerically("~", d, d*26/1000), d.String())
				Expect(store.BucketOf(store.Middle(bucket))).To(Equal(bucket), d.String())
			}
		}
	})

	It("takes what no clock should say", func() {
		Expect(store.BucketOf(-time.Hour)).To(BeZero())
		Expect(store.BucketOf(1<<63 - 1)).To(Equal(store.MaxBucket))
	})
})

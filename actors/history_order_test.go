package actors

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/store"
	"github.com/kadeploy/kadeploy/supervisor"
)

// slowArchive answers a list when it is let, and counts what it is asked.
type slowArchive struct {
	Archive
	let chan struct{}

	mu      sync.Mutex
	atOnce  int
	asked   []string // users
	prunes  []time.Duration
	before  []time.Duration // ages of what is counted from then on
	began   time.Time
	refuses error
}

func (a *slowArchive) History(ctx context.Context, q store.Query) ([]store.Operation, error) {
	a.mu.Lock()
	a.atOnce, a.asked = a.atOnce+1, append(a.asked, q.User)
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.atOnce--
	}()
	select {
	case <-a.let:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *slowArchive) Prune(context.Context, time.Time, func(store.Operation) bool) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.prunes = append(a.prunes, time.Since(a.began))
	return 0, a.refuses
}

func (a *slowArchive) PruneStatistics(_ context.Context, before time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.before = append(a.before, time.Since(before))
	return a.refuses
}

// library is a history actor of its own, in fake time.
type library struct {
	*slowArchive
	system  *actor.ActorSystem
	pid     *actor.PID
	client  *actor.PID
	answers []string // by client id and kind
}

func inLibrary(keep time.Duration, refuses error, body func(*library)) {
	GinkgoHelper()
	underRules(config.Global{HistoryKeep: keep}, refuses, body)
}

func underRules(rules config.Global, refuses error, body func(*library)) {
	GinkgoHelper()
	synctest.Test(SuiteT, func(*testing.T) {
		defer GinkgoRecover()
		inForce := &snapshot{}
		rules.StateDir = "/nowhere"
		inForce.Store(&config.Snapshot{Global: rules})
		l := &library{slowArchive: &slowArchive{let: make(chan struct{}), began: time.Now(), refuses: refuses}}
		l.system, _ = supervisor.NewSystem(discard)
		l.client = l.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if m, ok := ctx.Message().(request); ok {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.answers = append(l.answers, fmt.Sprintf("%s %T", m.GetClientId(), m))
			}
		}))
		l.pid = l.system.Root.Spawn(supervisor.Props(func() actor.Actor {
			h := newHistory(nil, newLedger(nil, nil, inForce), inForce, discard)
			h.archive = l.slowArchive
			return h
		}))
		synctest.Wait()
		body(l)
		for _, pid := range []*actor.PID{l.pid, l.client} {
			l.system.Root.Stop(pid)
		}
		synctest.Wait()
		l.system.Shutdown()
	})
}

func (l *library) ask(by, clientID string) {
	l.system.Root.RequestWithCustomSender(l.pid, asked{by, &message.HistoryRequest{ClientId: clientID}}, l.client)
	synctest.Wait()
}

func (l *library) seen() (atOnce int, asked, answers []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.atOnce, append([]string(nil), l.asked...), append([]string(nil), l.answers...)
}

var _ = Describe("Questions about the history", func() {
	It("of one user never keep another from an answer", func() {
		inLibrary(0, nil, func(l *library) {
			for i := range maxWaitingOfOne + 2 {
				l.ask("alice", fmt.Sprint("a", i))
			}
			atOnce, _, answers := l.seen()
			Expect(atOnce).To(Equal(maxAskingOfOne))
			Expect(answers).To(Equal([]string{"a10 *message.Refused", "a11 *message.Refused"}))
			l.ask("bob", "b")
			l.ask("carol", "c")
			atOnce, asked, _ := l.seen()
			Expect(atOnce).To(Equal(maxAsking))
			Expect(asked).To(Equal([]string{"alice", "alice", "bob"}))
			l.let <- struct{}{}
			synctest.Wait()
			_, asked, _ = l.seen()
			Expect(asked).To(HaveLen(4))
			close(l.let)
			synctest.Wait()
			atOnce, asked, answers = l.seen()
			Expect(atOnce).To(BeZero())
			Expect(asked).To(HaveLen(maxWaitingOfOne + 2))
			Expect(answers).To(HaveLen(maxWaitingOfOne + 4))
			Expect(answers).To(ContainElements("b *message.History", "c *message.History", "a9 *message.History"))
		})
	})

	It("that are repeated are asked once", func() {
		inLibrary(0, nil, func(l *library) {
			for range 5 {
				l.ask("alice", "same")
			}
			_, asked, _ := l.seen()
			Expect(asked).To(HaveLen(1))
			close(l.let)
			synctest.Wait()
			_, _, answers := l.seen()
			Expect(answers).To(HaveLen(1))
		})
	})

	It("that the database does not answer end in time", func() {
		inLibrary(0, nil, func(l *library) {
			l.ask("alice", "a")
			time.Sleep(readTimeout)
			synctest.Wait()
			_, _, answers := l.seen()
			Expect(answers).To(Equal([]string{"a *message.Refused"}))
		})
	})
})

var _ = Describe("The database forgets", func() {
	It("at the start of the server and every six hours, also after it could not", func() {
		for _, refuses := range []error{nil, store.ErrUnavailable} {
			inLibrary(24*time.Hour, refuses, func(l *library) {
				time.Sleep(13 * time.Hour)
				synctest.Wait()
				Expect(l.prunes).To(Equal([]time.Duration{0, 6 * time.Hour, 12 * time.Hour}))
			})
		}
	})

	It("what was counted by its own age, whether or not operations are forgotten, or could be", func() {
		const day = 24 * time.Hour
		for _, rules := range []config.Global{{StatisticsKeep: 30 * day}, {HistoryKeep: day, StatisticsKeep: 30 * day}} {
			for _, refuses := range []error{nil, store.ErrUnavailable} {
				underRules(rules, refuses, func(l *library) {
					time.Sleep(7 * time.Hour)
					synctest.Wait()
					Expect(l.before).To(Equal([]time.Duration{30 * day, 30 * day}))
				})
			}
		}
	})

	It("nothing where history_keep and statistics_keep are 0", func() {
		inLibrary(0, nil, func(l *library) {
			time.Sleep(100 * time.Hour)
			synctest.Wait()
			Expect(l.prunes).To(BeEmpty())
			Expect(l.before).To(BeEmpty())
		})
	})
})

// meetingArchive answers when all that is counted is being asked for.
type meetingArchive struct {
	Archive
	met sync.WaitGroup
}

func (a *meetingArchive) meet(ctx context.Context) error {
	a.met.Done()
	all := make(chan struct{})
	go func() {
		a.met.Wait()
		close(all)
	}()
	select {
	case <-all:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *meetingArchive) Size(context.Context) (int64, error) { return 7, nil }

func (a *meetingArchive) StepTimes(ctx context.Context, _ string, _, _ time.Time) ([]store.StepTimes, error) {
	return []store.StepTimes{{Macro: "BootNewEnv"}}, a.meet(ctx)
}

func (a *meetingArchive) NodeRates(ctx context.Context, _ string, _, _ time.Time) ([]store.NodeRate, error) {
	return []store.NodeRate{{Node: "node-1"}}, a.meet(ctx)
}

func (a *meetingArchive) Causes(ctx context.Context, _ string, _, _ time.Time) ([]store.Cause, error) {
	return []store.Cause{{Cause: "no power"}}, a.meet(ctx)
}

var _ = Describe("Statistics", func() {
	It("are read all at once", func() {
		archive := &meetingArchive{}
		archive.met.Add(3)
		answer := reading{archive: archive}.answer(context.Background(), "bob", &message.StatsRequest{ClientId: "s", Steps: true, Nodes: true, Causes: true})
		Expect(answer).To(BeAssignableToTypeOf(&message.Stats{}), fmt.Sprint(answer))
		m := answer.(*message.Stats)
		Expect([]any{m.GetDatabaseBytes(), m.GetSteps()[0].GetMacro(), m.GetNodes()[0].GetNode(), m.GetCauses()[0].GetCause()}).To(
			Equal([]any{uint64(7), "BootNewEnv", "node-1", "no power"}))
	})
})

// endlessArchive has as many events as are asked for.
type endlessArchive struct {
	Archive
	given int
}

func (a *endlessArchive) Events(_ context.Context, _ string, _ uint64, limit int) ([]store.Event, error) {
	a.given += limit
	return make([]store.Event, limit), nil
}

// ledgerShelf is a database, and a ledger to which ada is an admin.
func ledgerShelf() (*store.Store, reading) {
	GinkgoHelper()
	dir := GinkgoT().TempDir()
	db, err := store.Open(context.Background(), store.Config{URL: "sqlite:" + filepath.Join(dir, "kadeploy.db")})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(db.Close)
	inForce := &snapshot{}
	inForce.Store(&config.Snapshot{Global: config.Global{StateDir: dir}})
	return db, reading{db, newLedger([]string{"ada"}, nil, inForce)}
}

// show is all pages of an operation.
func (r reading) pages(id string) (pages []*message.Shown) {
	GinkgoHelper()
	for after := ""; ; {
		answer := r.answer(context.Background(), "ada", &message.ShowRequest{ClientId: "s", Id: id, After: after})
		Expect(answer).To(BeAssignableToTypeOf(&message.Shown{}), fmt.Sprint(answer))
		pages = append(pages, answer.(*message.Shown))
		if after = pages[len(pages)-1].GetNext(); after == "" {
			return pages
		}
	}
}

var _ = Describe("An operation of many nodes", func() {
	DescribeTable("is shown in pages, each node once and with all its tries", func(nodes, triesOfEach int) {
		db, r := ledgerShelf()
		b := store.Batch{Begin: []store.Operation{{ID: "D-1", User: "bob", Kind: "deploy", Total: nodes, Since: time.Unix(1, 0)}}}
		for n := range nodes {
			node := fmt.Sprintf("node-%04d", n)
			b.Results = append(b.Results, store.Result{Operation: "D-1", Node: node, Phase: store.PhaseOK, Tries: 1, At: time.Unix(9, 0)})
			for try := range triesOfEach {
				b.Steps = append(b.Steps, store.Step{Operation: "D-1", Node: node, Macro: "m", Try: try + 1, At: time.Unix(int64(try), 0), Outcome: store.StepOK})
			}
		}
		Expect(db.Write(context.Background(), b)).To(Succeed())
		results, tries := make(map[string]int), make(map[string]int)
		pages := r.pages("D-1")
		for _, p := range pages {
			for _, t := range p.GetResults() {
				results[t.GetNode()]++
			}
			for _, t := range p.GetTries() {
				tries[t.GetNode()]++
			}
		}
		Expect(len(pages)).To(BeNumerically(">", 1))
		Expect(results).To(HaveLen(nodes))
		Expect(results).To(HaveEach(1))
		Expect(tries).To(HaveLen(nodes))
		Expect(tries).To(HaveEach(triesOfEach))
	},
		Entry("with few tries", 1201, 1),
		Entry("with many", 300, 11),
		Entry("with as many as a page holds", 10, pageTries/5),
	)

	It("and without an end of events is not read without end", func() {
		_, r := ledgerShelf()
		endless := &endlessArchive{}
		r.archive = endless
		Expect(r.standing(context.Background(), "D-1")).To(BeEmpty())
		Expect(endless.given).To(Equal(standingEvents))
	})

	It("of which one node was tried without end is shown all the same", func() {
		db, r := ledgerShelf()
		b := store.Batch{Begin: []store.Operation{{ID: "D-1", User: "bob", Since: time.Unix(1, 0)}}}
		for try := range pageTries + 5 {
			b.Steps = append(b.Steps, store.Step{Operation: "D-1", Node: "a", Macro: "m", Try: try + 1, At: time.Unix(int64(try), 0), Outcome: store.StepFailed})
		}
		b.Steps = append(b.Steps, store.Step{Operation: "D-1", Node: "b", Macro: "m", Try: 1, At: time.Unix(1, 0), Outcome: store.StepOK})
		Expect(db.Write(context.Background(), b)).To(Succeed())
		pages := r.pages("D-1")
		Expect(pages).To(HaveLen(2))
		Expect(pages[0].GetTries()).To(HaveLen(pageTries))
		Expect(pages[1].GetTries()).To(HaveLen(1))
	})
})

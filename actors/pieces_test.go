package actors

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/store"
	"github.com/kadeploy/kadeploy/supervisor"
	"github.com/kadeploy/kadeploy/supervisor/supervisortest"
)

var _ = Describe("The clock of a try", func() {
	// inFakeTime counts how often a clock of two seconds expired.
	inFakeTime := func(body func(c *clock, expired *atomic.Int32)) {
		synctest.Test(SuiteT, func(*testing.T) {
			defer GinkgoRecover()
			var expired atomic.Int32
			c := newClock(2*time.Second, func() { expired.Add(1) })
			body(c, &expired)
			c.stop()
		})
	}
	pass := func(d time.Duration) {
		<-time.After(d)
		synctest.Wait()
	}

	It("expires once, when its time is over", func() {
		inFakeTime(func(_ *clock, expired *atomic.Int32) {
			pass(2*time.Second - 1)
			Expect(expired.Load()).To(BeEquivalentTo(0))
			pass(time.Hour)
			Expect(expired.Load()).To(BeEquivalentTo(1))
		})
	})

	It("stands still while it is held", func() {
		inFakeTime(func(c *clock, expired *atomic.Int32) {
			pass(time.Second)
			c.hold()
			c.hold()
			pass(time.Hour)
			Expect(expired.Load()).To(BeEquivalentTo(0))
			c.resume()
			c.resume()
			pass(time.Second - 1)
			Expect(expired.Load()).To(BeEquivalentTo(0))
			pass(1)
			Expect(expired.Load()).To(BeEquivalentTo(1))
		})
	})

	It("never expires after it was stopped, or without a limit", func() {
		inFakeTime(func(c *clock, expired *atomic.Int32) {
			c.stop()
			newClock(0, func() { expired.Add(1) })
			pass(24 * time.Hour)
			Expect(expired.Load()).To(BeEquivalentTo(0))
		})
	})
})

// book is a journal of its own with a probe that reads it.
type book struct {
	system *actor.ActorSystem
	pid    *actor.PID
	reader *supervisortest.Probe
	record *record
}

func newBook() *book {
	system, _ := supervisor.NewSystem(discard)
	b := &book{system: system, record: newRecord(nil), reader: supervisortest.NewProbe(system)}
	b.pid = system.Root.Spawn(supervisor.Props(func() actor.Actor { return newJournal(b.record, discard) }))
	DeferCleanup(func() {
		b.reader.Stop(system)
		Expect(system.Root.StopFuture(b.pid).Wait()).To(Succeed())
		system.Shutdown()
	})
	return b
}

func (b *book) tell(m any) { b.system.Root.Send(b.pid, m) }

func (b *book) note(id, text string) {
	b.tell(appendFact{id: id, fact: &message.Event{Fact: &message.Event_Note{Note: &message.Note{Text: text}}}})
}

func (b *book) end(id string) {
	b.tell(appendFact{id: id, fact: &message.Event{Fact: &message.Event_Ended{Ended: &message.Ended{}}}})
}

// read asks for events and waits for the answer.
func (b *book) read(id string, from uint64, most int) eventsRead {
	GinkgoHelper()
	b.tell(readEvents{id, from, most, b.reader.PID})
	var m any
	Eventually(b.reader.C).Should(Receive(&m))
	return m.(eventsRead)
}

var _ = Describe("The journal", func() {
	It("numbers the facts of each operation from 1", func() {
		b := newBook()
		b.note("A", "one")
		b.note("B", "other")
		b.note("A", "two")
		got := b.read("A", 0, 10)
		Expect(got.events).To(HaveLen(2))
		Expect(got.events[1].GetSeq()).To(BeEquivalentTo(2))
		Expect(got.events[1].GetNote().GetText()).To(Equal("two"))
		Expect(b.read("A", 2, 10).events).To(HaveLen(1))
		Expect(b.read("A", 1, 1).events).To(HaveLen(1))
	})

	It("answers a reader who has read all there is with the next fact", func() {
		b := newBook()
		b.tell(openLog{operation: store.Operation{ID: "A", User: "ada"}})
		b.tell(readEvents{"A", 1, 10, b.reader.PID})
		Eventually(b.reader.C).Should(Receive(Equal(eventsRead{id: "A", owner: "ada", parked: true})))
		Consistently(b.reader.C).ShouldNot(Receive())
		b.note("A", "at last")
		var m any
		Eventually(b.reader.C).Should(Receive(&m))
		Expect(m.(eventsRead).events[0].GetNote().GetText()).To(Equal("at last"))
	})

	It("forgets a reader who has gone", func() {
		b := newBook()
		b.tell(openLog{operation: store.Operation{ID: "A", User: "ada"}})
		b.tell(readEvents{"A", 1, 10, b.reader.PID})
		Eventually(b.reader.C).Should(Receive(Equal(eventsRead{id: "A", owner: "ada", parked: true})))
		b.tell(stopReading{b.reader.PID})
		b.note("A", "too late")
		Consistently(b.reader.C).ShouldNot(Receive())
	})

	It("takes nothing after the end", func() {
		b := newBook()
		b.end("A")
		b.note("A", "too late")
		Expect(b.read("A", 1, 10).events).To(HaveLen(1))
	})

	It("ends what nobody runs any more", func() {
		b := newBook()
		b.note("A", "running")
		b.end("B")
		b.tell(endOrphans{text: "lost"})
		got := b.read("A", 1, 10)
		Expect(got.events).To(HaveLen(2))
		Expect(got.events[1].GetEnded().GetOutcome()).To(Equal(message.Outcome_FAILED))
		Expect(got.events[1].GetEnded().GetText()).To(Equal("lost"))
		Expect(b.read("B", 1, 10).events).To(HaveLen(1))
	})

	It("keeps the newest operations that have ended", func() {
		b := newBook()
		b.note("running", "still")
		for i := range remembered + 1 {
			b.end(fmt.Sprint(i))
		}
		Expect(b.read("0", 1, 1).unknown).To(BeTrue())
		Expect(b.read("1", 1, 1).unknown).To(BeFalse())
		Expect(b.read("running", 1, 1).unknown).To(BeFalse())
	})
})

var _ = It("Who runs the requests tells the ends again to a journal that was started again", func() {
	system, _ := supervisor.NewSystem(discard)
	told := make(chan *message.Ended, 1)
	book, err := system.Root.SpawnNamed(actor.PropsFromFunc(func(ctx actor.Context) {
		if m, ok := ctx.Message().(appendFact); ok && m.id == "D-ended" {
			told <- m.fact.GetEnded()
		}
	}), journalName)
	Expect(err).NotTo(HaveOccurred())
	end := &message.Ended{Outcome: message.Outcome_QUORUM}
	d := newDeployments(Config{}, &snapshot{}, newNodeStates(nil), newLimiter(0), sources{holds: &holds{}}, nil, nil, &findings{}, discard)
	d.operations = map[string]*operation{
		"D-ended":   {job: &job{id: "D-ended"}, ended: end},
		"D-running": {job: &job{id: "D-running"}},
	}
	pid := system.Root.Spawn(supervisor.Props(func() actor.Actor { return d }))
	DeferCleanup(func() {
		Expect(system.Root.StopFuture(pid).Wait()).To(Succeed())
		Expect(system.Root.StopFuture(book).Wait()).To(Succeed())
		system.Shutdown()
	})
	system.Root.Send(pid, journalStarted{})
	Eventually(told).Should(Receive(BeIdenticalTo(end)))
})

var _ = It("Who runs the requests lets go of the uploads that the one before it held", func() {
	system, _ := supervisor.NewSystem(discard)
	DeferCleanup(system.Shutdown)
	held, released := &holds{}, make(chan string, 2)
	held.begin("D-1")
	held.begin("D-2")
	held.add("D-1", func() { released <- "D-1" })
	held.add("D-2", func() { released <- "D-2" })
	held.drop("D-2")
	Expect(released).To(Receive(Equal("D-2")))
	held.add("D-2", func() { released <- "late" })
	Expect(released).To(Receive(Equal("late")), "what comes too late is not held for ever")
	pid := system.Root.Spawn(supervisor.Props(func() actor.Actor {
		return newDeployments(Config{}, &snapshot{}, newNodeStates(nil), newLimiter(0), sources{holds: held}, nil, nil, &findings{}, discard)
	}))
	DeferCleanup(func() { Expect(system.Root.StopFuture(pid).Wait()).To(Succeed()) })
	Eventually(released).Should(Receive(Equal("D-1")))
})

var _ = It("A file that a user may name is not another one later", func() {
	dir := GinkgoT().TempDir()
	name := func(n string) string { return filepath.Join(dir, n) }
	Expect(os.WriteFile(name("image"), []byte("image"), 0o600)).To(Succeed())
	Expect(os.WriteFile(name("secret"), []byte("secret"), 0o600)).To(Succeed())
	info := func(path string) os.FileInfo {
		GinkgoHelper()
		i, err := os.Stat(path)
		Expect(err).NotTo(HaveOccurred())
		return i
	}
	j := &job{}
	j.remember(name("image"), "/home/ada/image")
	j.allowed[name("image")] = info(name("image"))
	Expect(j.same(name("image"), info(name("image")))).To(Succeed())
	Expect(j.same(name("secret"), info(name("secret")))).To(Succeed(), "a file of the site's own")
	Expect(os.Remove(name("image"))).To(Succeed())
	Expect(os.Symlink("secret", name("image"))).To(Succeed())
	Expect(j.same(name("image"), info(name("image")))).To(MatchError(ContainSubstring("another file")))
})

var _ = DescribeTable("The head of a chain listens where the agents reach the server", func(agents, node, want string) {
	Expect(headAddress(agents, netip.MustParseAddr(node))).To(Equal(want))
},
	Entry("an address", "10.0.0.1:25301", "10.0.0.7", "10.0.0.1:0"),
	Entry("a name", "frontend:25301", "10.0.0.7", "frontend:0"),
	Entry("every address: the one that the node sees", "0.0.0.0:25301", "127.0.0.7", "127.0.0.1:0"),
	Entry("every address, by omission", ":25301", "127.0.0.7", "127.0.0.1:0"),
	Entry("every address of IPv6, which no node of IPv4 sees", "[::]:25301", "127.0.0.7", "127.0.0.1:0"),
)

var _ = DescribeTable("A text for people is one bounded line", func(text, want string) {
	Expect(line(text)).To(Equal(want))
},
	Entry("blanks and ends of lines", " a\n\tb\r\n", "a b"),
	Entry("too long", fmt.Sprintf("%0500d", 0), fmt.Sprintf("%0400d…", 0)),
)

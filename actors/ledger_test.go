package actors

import (
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/rights"
	"github.com/kadeploy/kadeploy/supervisor"
)

// office is an access actor of its own, in fake time, for a site of two nodes; root is an admin.
type office struct {
	system *actor.ActorSystem
	pid    *actor.PID
	ledger *ledger

	mu      sync.Mutex
	ended   []string // what deployments is told, and when
	answers []any
	began   time.Time
	client  *actor.PID
}

func inOffice(body func(*office)) {
	GinkgoHelper()
	dir := GinkgoT().TempDir()
	synctest.Test(SuiteT, func(*testing.T) {
		defer GinkgoRecover()
		s := &config.Snapshot{Global: config.Global{StateDir: dir}, Nodes: []*config.Node{{Name: "n1"}, {Name: "n2"}}}
		inForce := &snapshot{}
		inForce.Store(s)
		o := &office{ledger: newLedger([]string{"root"}, inForce), began: time.Now()}
		o.system, _ = supervisor.NewSystem(discard)
		deployments, err := o.system.Root.SpawnNamed(actor.PropsFromFunc(func(ctx actor.Context) {
			if m, ok := ctx.Message().(endOperations); ok {
				o.mu.Lock()
				defer o.mu.Unlock()
				o.ended = append(o.ended, time.Since(o.began).String()+": "+m.why)
			}
		}), deploymentsName)
		Expect(err).NotTo(HaveOccurred())
		o.client = o.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *message.Rights, *message.Refused:
				o.mu.Lock()
				defer o.mu.Unlock()
				o.answers = append(o.answers, m)
			}
		}))
		o.pid = o.system.Root.Spawn(supervisor.Props(func() actor.Actor { return newAccess(o.ledger, accessConfig{}, discard) }))
		synctest.Wait()
		body(o)
		for _, pid := range []*actor.PID{o.pid, o.client, deployments} {
			o.system.Root.Stop(pid)
		}
		synctest.Wait()
		o.system.Shutdown()
	})
}

// ask lets root ask, and waits until all is done that can be done at this moment.
func (o *office) ask(r request) {
	o.system.Root.RequestWithCustomSender(o.pid, asked{"root", r}, o.client)
	synctest.Wait()
}

func (o *office) add(id, user, node string, life time.Duration) *message.RightsAdd {
	return &message.RightsAdd{ClientId: id, User: user, Nodes: []string{node}, Part: "*", Until: timestamppb.New(time.Now().Add(life))}
}

// told is what deployments was told so far.
func (o *office) told() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.ended)
}

// got is what the client was answered so far.
func (o *office) got() []any {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.answers)
}

func (o *office) may(user, node string) bool {
	return o.ledger.check(user, []rights.Want{{Part: "3", Nodes: []string{node}}}) == nil
}

var _ = Describe("Who keeps the rights", func() {
	It("tells of each end at its moment, with nobody asking", func() {
		inOffice(func(o *office) {
			o.ask(o.add("1", "bob", "n1", 2*time.Hour))
			o.ask(o.add("2", "bob", "n2", 30*time.Minute))
			time.Sleep(30*time.Minute - time.Second)
			synctest.Wait()
			Expect(o.told()).To(BeEmpty())
			Expect(o.may("bob", "n2")).To(BeTrue())
			time.Sleep(10 * time.Hour)
			synctest.Wait()
			Expect(o.told()).To(Equal([]string{"30m0s: the right of bob to n2 is over", "2h0m0s: the right of bob to n1 is over"}))
			Expect(o.may("bob", "n1")).To(BeFalse())
			kept, err := rights.Load(o.ledger.path)
			Expect(err).NotTo(HaveOccurred())
			Expect(kept.List(nil)).To(BeEmpty(), "the file follows")
		})
	})

	It("tells of ends that came while it was not there", func() {
		inOffice(func(o *office) {
			o.ask(o.add("1", "bob", "n1", time.Hour))
			o.system.Root.Stop(o.pid)
			time.Sleep(3 * time.Hour)
			Expect(o.may("bob", "n1")).To(BeFalse(), "a right ends by itself")
			o.pid = o.system.Root.Spawn(supervisor.Props(func() actor.Actor { return newAccess(o.ledger, accessConfig{}, discard) }))
			time.Sleep(time.Minute)
			synctest.Wait()
			Expect(o.told()).To(Equal([]string{"3h0m1s: the right of bob to n1 is over"}))
		})
	})

	It("carries out what comes at once in its order, and a repeated request once", func() {
		inOffice(func(o *office) {
			first, second := o.add("1", "bob", "n1", time.Hour), o.add("2", "carol", "n1", time.Hour)
			for _, r := range []request{first, first, second, first} {
				o.system.Root.RequestWithCustomSender(o.pid, asked{"root", r}, o.client)
			}
			synctest.Wait()
			Expect(o.may("bob", "n1")).To(BeTrue())
			Expect(o.may("carol", "n1")).To(BeFalse())
			refused := 0
			for _, a := range o.got() {
				if no, ok := a.(*message.Refused); ok {
					Expect(no.GetText()).To(ContainSubstring("bob holds n1"))
					refused++
				}
			}
			Expect(refused).To(Equal(1))
		})
	})

	It("answers whether somebody is a user", func() {
		inOffice(func(o *office) {
			book := o.ledger.book.Load().Clone()
			_, err := book.AddUser("bob", false, time.Now())
			Expect(err).NotTo(HaveOccurred())
			o.ledger.book.Store(book)
			reply := make(chan bool, 2)
			o.system.Root.Send(o.pid, isUser{"bob", reply})
			o.system.Root.Send(o.pid, isUser{"carol", reply})
			Expect(<-reply).To(BeTrue())
			Expect(<-reply).To(BeFalse())
		})
	})

	It("takes an admin of the configuration for one as soon as it is in force, and no longer", func() {
		inOffice(func(o *office) {
			Expect(o.may("olga", "n1")).To(BeFalse())
			before := o.ledger.config.Load()
			after := *before
			after.Global.Admins = []string{"olga"}
			o.ledger.config.Store(&after)
			Expect(o.may("olga", "n1")).To(BeTrue())
			o.ask(o.add("1", "bob", "n1", time.Hour)) // a book made meanwhile must not remember it
			o.ledger.config.Store(before)
			Expect(o.may("olga", "n1")).To(BeFalse())
		})
	})

	It("writes below the state directory", func() {
		inOffice(func(o *office) {
			o.ask(o.add("1", "bob", "n1", time.Hour))
			Expect(filepath.Join(o.ledger.config.Load().Global.StateDir, "rights.json")).To(BeARegularFile())
		})
	})
})

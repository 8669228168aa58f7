package actors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	"github.com/kadeploy/kadeploy/internal/store"
	"github.com/kadeploy/kadeploy/supervisor"
)

// office is an access actor of its own, in fake time, for a site of two nodes; root is an admin.
type office struct {
	system *actor.ActorSystem
	pid    *actor.PID
	ledger *ledger
	kept   cabinet

	mu      sync.Mutex
	ended   []string // what deployments is told, and when
	answers []any
	began   time.Time
	client  *actor.PID
}

// cabinet is a store that keeps one book, unless it is broken: then it keeps it all the same, or not, and says that it failed. A full one
// refuses what gives rights.
type cabinet struct {
	Store
	mu     sync.Mutex
	book   *rights.Book
	broken error
	keeps  bool // although it says that it failed
	full   bool
	tries  int
}

func (c *cabinet) KeepRights(_ context.Context, b *rights.Book) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tries++
	if c.full && slices.ContainsFunc(b.Grants(), func(g rights.Grant) bool { return !slices.Contains(c.book.Grants(), g) }) {
		return fmt.Errorf("database x: %w", store.ErrFull)
	}
	if c.broken == nil || c.keeps {
		c.book = b
	}
	return c.broken
}

func (c *cabinet) breaks(err error, keeps bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken, c.keeps, c.tries = err, keeps, 0
}

// rows is what is kept, in words.
func (c *cabinet) rows() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := []string{}
	for _, r := range c.book.List(nil) {
		all = append(all, r.User+" "+strings.Join(r.Nodes, " "))
	}
	return all
}

func (c *cabinet) tried() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tries
}

func inOffice(body func(*office)) {
	GinkgoHelper()
	synctest.Test(SuiteT, func(*testing.T) {
		defer GinkgoRecover()
		s := &config.Snapshot{Nodes: []*config.Node{{Name: "n1"}, {Name: "n2"}}}
		inForce := &snapshot{}
		inForce.Store(s)
		o := &office{began: time.Now()}
		o.ledger = newLedger([]string{"root"}, &Memory{store: &o.kept, rights: rights.New()}, inForce)
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
			Expect(o.kept.rows()).To(BeEmpty(), "what is kept follows")
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

	It("writes a change down before it is answered, and answers no other", func() {
		inOffice(func(o *office) {
			o.ask(o.add("1", "bob", "n1", time.Hour))
			Expect(o.kept.rows()).To(Equal([]string{"bob n1"}))
			o.kept.breaks(errors.New("database x: no room on the disk: nothing was written; make room"), false)
			o.ask(o.add("2", "carol", "n2", time.Hour))
			o.ask(&message.RightsDel{ClientId: "3", User: "bob", Nodes: []string{"n1"}, Part: "*"})
			Expect(o.may("carol", "n2")).To(BeFalse())
			Expect(o.may("bob", "n1")).To(BeTrue(), "what is allowed goes on")
			Expect(o.told()).To(BeEmpty())
			for _, a := range o.got()[1:] {
				no := a.(*message.Refused)
				Expect(no.GetCode()).To(Equal(message.Refusal_UNAVAILABLE))
				Expect(no.GetText()).To(Equal("it could not be written down, and is not in force: database x: no room on the disk: nothing was written; make room"))
			}
			o.kept.breaks(nil, false)
			o.ask(o.add("4", "carol", "n2", time.Hour))
			Expect(o.may("carol", "n2")).To(BeTrue())
			Expect(o.kept.rows()).To(Equal([]string{"bob n1", "carol n2"}))
		})
	})

	It("has rights taken away when there is no room to give others, also when both are asked for at once", func() {
		inOffice(func(o *office) {
			o.ask(o.add("1", "bob", "n1", time.Hour))
			o.kept.full = true
			a := newAccess(o.ledger, accessConfig{}, discard)
			var batch []*change
			for _, r := range []request{o.add("2", "carol", "n2", time.Hour), &message.RightsDel{ClientId: "3", User: "bob", Nodes: []string{"n1"}, Part: "*"}, o.add("4", "dave", "n1", time.Hour)} {
				c, err := a.newChange(asked{"root", r})
				Expect(err).NotTo(HaveOccurred())
				batch = append(batch, c)
			}
			var told []string
			done := o.ledger.carryOut(batch, func(m endOperations) { told = append(told, m.why) }, discard)
			Expect(done.outcomes[0].err).To(MatchError(store.ErrFull))
			Expect(done.outcomes[1].err).NotTo(HaveOccurred())
			Expect(done.outcomes[2].err).To(MatchError(store.ErrFull))
			Expect(told).To(Equal([]string{"root took n1 from bob"}))
			Expect(o.may("bob", "n1")).To(BeFalse())
			Expect(o.kept.rows()).To(BeEmpty())
		})
	})

	It("says of a user that could not be deleted what has been done already", func() {
		inOffice(func(o *office) {
			var denied []string
			a := newAccess(o.ledger, accessConfig{deny: func(user, _ string) error { denied = append(denied, user); return nil }}, discard)
			o.ask(o.add("1", "bob", "n1", time.Hour))
			o.kept.breaks(errors.New("database x: the database does not answer"), false)
			c, err := a.newChange(asked{"root", &message.UserDel{ClientId: "2", Name: "bob"}})
			Expect(err).NotTo(HaveOccurred())
			done := o.ledger.carryOut([]*change{c}, func(endOperations) {}, discard)
			Expect(done.outcomes[0].err).To(MatchError("the user is shut out already, but the rest could not be written down; say user del again: database x: the database does not answer"))
			Expect(denied).To(Equal([]string{"bob"}))
		})
	})

	It("ends a right at its moment, also when that cannot be written down", func() {
		inOffice(func(o *office) {
			o.ask(o.add("1", "bob", "n1", time.Hour))
			o.kept.breaks(errors.New("away"), false)
			time.Sleep(time.Hour + time.Second)
			synctest.Wait()
			Expect(o.told()).To(Equal([]string{"1h0m0s: the right of bob to n1 is over"}))
			o.kept.breaks(nil, false)
			time.Sleep(lookAtClock)
			synctest.Wait()
			Expect(o.kept.rows()).To(BeEmpty())
		})
	})

	It("writes over a change that is there although it was refused, and then leaves the database alone", func() {
		inOffice(func(o *office) {
			o.kept.breaks(errors.New("the database does not answer"), true)
			o.ask(o.add("1", "bob", "n1", time.Hour))
			Expect(o.got()).To(HaveExactElements(BeAssignableToTypeOf(&message.Refused{})))
			Expect(o.kept.rows()).To(Equal([]string{"bob n1"}))
			o.kept.breaks(nil, false)
			time.Sleep(lookAtClock)
			synctest.Wait()
			Expect(o.kept.rows()).To(BeEmpty())
			time.Sleep(time.Hour)
			synctest.Wait()
			Expect(o.kept.tried()).To(Equal(1))
		})
	})
})

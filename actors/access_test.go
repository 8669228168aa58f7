package actors_test

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/store"
)

func add(user string, nodes ...string) *message.RightsAdd {
	return &message.RightsAdd{ClientId: "add", User: user, Nodes: nodes, Part: "*"}
}

// give makes a grant, as an admin.
func (s *site) give(r *message.RightsAdd) *message.Rights {
	GinkgoHelper()
	answer := s.client().ask(r)
	Expect(answer).To(BeAssignableToTypeOf(&message.Rights{}), fmt.Sprint(answer))
	return answer.(*message.Rights)
}

// rights says what a user may, in words.
func (c *client) rights(user string, nodes ...string) []string {
	GinkgoHelper()
	answer := c.ask(&message.RightsList{ClientId: "list", User: user, Nodes: nodes})
	Expect(answer).To(BeAssignableToTypeOf(&message.Rights{}), fmt.Sprint(answer))
	all := []string{}
	for _, r := range answer.(*message.Rights).GetRights() {
		all = append(all, fmt.Sprintf("%s %s part %s by %s", r.GetUser(), r.GetNodes(), r.GetPart(), r.GetBy()))
	}
	return all
}

// as makes a request another's.
func as(user string, r *message.Submit) *message.Submit {
	r.User = user
	return r
}

// stuck is a site whose nodes never boot: what runs there runs until it is ended.
func stuck() *site {
	GinkgoHelper()
	never := make(map[int]string)
	for n := 1; n <= 3; n++ {
		never[n] = "sandbox_fault=never-boots timeout_reboot=600"
	}
	return newSite(blueprint{node: never})
}

func (o *operation) cancelled(why string) {
	GinkgoHelper()
	o.end()
	Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ABORTED), o.ended.GetText())
	Expect(o.ended.GetText()).To(ContainSubstring(why))
}

var _ = Describe("Rights", func() {
	It("open nothing to anybody but admins before any was given", func() {
		s := newSite(blueprint{})
		no := s.clientOf("bob").refused(s.deployment())
		Expect(no.GetCode()).To(Equal(message.Refusal_FORBIDDEN))
		Expect(no.GetText()).To(ContainSubstring("bob has no right to partition 3 of node-[1-3]"))
		reboot := &message.Submit{ClientId: "r", Operation: message.Operation_REBOOT, RebootLevel: "hard", Nodes: s.names(), DryRun: true}
		Expect(s.clientOf("bob").refused(reboot).GetText()).To(ContainSubstring("bob has no right to node-[1-3]"))
		s.free()
		s.untouched()
	})

	It("let a user deploy on his nodes and his partition, and on no other", func() {
		s := newSite(blueprint{})
		r := add("bob", "node-[1-2]")
		r.Part = "3"
		s.give(r)
		no := s.clientOf("bob").refused(s.deployment())
		Expect(no.GetText()).To(ContainSubstring("partition 3 of node-3;"))
		Expect(s.run(as("bob", s.deployment("node-1", "node-2"))).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))

		r = add("carol", "node-3")
		r.Part = "2"
		s.give(r)
		Expect(s.clientOf("carol").refused(s.deployment("node-3")).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
		o := s.run(&message.Submit{ClientId: "reboot", User: "carol", Operation: message.Operation_REBOOT, RebootLevel: "hard", Nodes: []string{"node-3"}})
		Expect(o.ended).NotTo(BeNil(), "any right is enough for a reboot")
	})

	It("say nothing of files to who has none", func() {
		s := newSite(blueprint{})
		r := s.deployment()
		r.Environment = []byte(description("/etc/shadow-not-there|tar"))
		no := s.clientOf("bob").refused(r)
		Expect(no.GetCode()).To(Equal(message.Refusal_FORBIDDEN))
		Expect(no.GetText()).NotTo(ContainSubstring("shadow"))
	})

	It("on nodes that another holds are refused, with who it is, unless they are taken", func() {
		s := newSite(blueprint{})
		s.give(add("bob", "node-[1-2]"))
		no := s.client().refused(add("carol", "node-[2-3]"))
		Expect(no.GetCode()).To(Equal(message.Refusal_BUSY))
		Expect(no.GetText()).To(ContainSubstring("bob holds node-2"))
		r := add("carol", "node-[2-3]")
		r.Overwrite = true
		lost := s.give(r).GetLost()
		Expect(lost).To(HaveLen(1))
		Expect(lost[0].GetUser() + " " + lost[0].GetNodes()).To(Equal("bob node-2"))
		Expect(s.client().rights("")).To(Equal([]string{"bob node-1 part * by ada", "carol node-[2-3] part * by ada"}))
		Expect(s.client().rights("", "node-3")).To(HaveLen(1))
	})

	It("that make no sense are refused", func() {
		s := newSite(blueprint{})
		Expect(s.client().refused(add("bob", "node-9")).GetText()).To(ContainSubstring("node-9"))
		Expect(s.client().refused(add("b/b", "node-1")).GetCode()).To(Equal(message.Refusal_INVALID))
		late := add("bob", "node-1")
		late.Until = timestamppb.New(time.Now().Add(-time.Minute))
		Expect(s.client().refused(late).GetText()).To(ContainSubstring("is over"))
		Expect(s.client().rights("")).To(BeEmpty())
	})

	It("are for admins; a user sees his own", func() {
		s := newSite(blueprint{})
		s.give(add("bob", "node-1"))
		s.give(add("carol", "node-2"))
		s.give(add("*", "node-3"))
		bob := s.clientOf("bob")
		Expect(bob.refused(add("bob", "node-1")).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
		Expect(bob.refused(&message.RightsDel{ClientId: "d", User: "carol", Nodes: []string{"*"}, Part: "*"}).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
		Expect(bob.refused(&message.RightsList{ClientId: "l", User: "carol"}).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
		Expect(bob.refused(&message.UserAdd{ClientId: "u", Name: "bob", Admin: true}).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
		Expect(bob.refused(&message.UserDel{ClientId: "u", Name: "ada"}).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
		Expect(bob.refused(&message.UserList{ClientId: "u"}).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
		Expect(bob.rights("")).To(Equal([]string{"* node-3 part * by ada", "bob node-1 part * by ada"}))
		Expect(bob.rights("bob")).To(Equal(bob.rights("")))
	})

	It("that end, or are taken away, end the operation that needs them, and no other", func() {
		s := stuck()
		soon := add("bob", "node-1")
		soon.Until = timestamppb.New(time.Now().Add(4 * time.Second))
		s.give(soon)
		s.give(add("bob", "node-2"))
		s.give(add("carol", "node-3"))
		both := s.begin(as("bob", s.deployment("node-1", "node-2")))
		other := s.begin(as("carol", s.deployment("node-3")))
		both.cancelled("the right of bob to node-1 is over")

		again := s.begin(as("bob", s.deployment("node-2")))
		answer := s.client().ask(&message.RightsDel{ClientId: "del", User: "bob", Nodes: []string{"node-2"}, Part: "*"})
		Expect(answer.(*message.Rights).GetRights()).To(BeEmpty())
		again.cancelled("ada took node-2 from bob")

		taken := add("bob", "*")
		taken.Overwrite = true
		s.give(taken)
		other.cancelled("ada took node-3 from carol and gave it to bob")
		Expect(s.clientOf("carol").refused(s.deployment("node-3")).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
	})

	DescribeTable("are looked at again when the request has been read, and starts", func(lose proto.Message, why string) {
		s := newSite(blueprint{
			global: map[string]string{"environment": "image.env"},
			tokens: func(string, time.Duration) (string, error) { return "token", nil },
		})
		s.client().ask(&message.UserAdd{ClientId: "u", Name: "bob"})
		s.give(add("bob", "node-1"))
		r := s.deployment("node-1")
		text := r.Environment
		r.Environment = nil
		Expect(os.Remove(s.path("image.env"))).To(Succeed())
		Expect(syscall.Mkfifo(s.path("image.env"), 0o600)).To(Succeed())
		bob := s.clientOf("bob")
		bob.send(r)
		pipe, err := os.OpenFile(s.path("image.env"), os.O_WRONLY, 0) // until the server reads
		Expect(err).NotTo(HaveOccurred())
		s.client().ask(lose)
		_, err = pipe.Write(text)
		Expect(err).NotTo(HaveOccurred())
		Expect(pipe.Close()).To(Succeed())
		answer := bob.next()
		Expect(answer).To(BeAssignableToTypeOf(&message.Refused{}), fmt.Sprint(answer))
		Expect(answer.(*message.Refused).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
		Expect(answer.(*message.Refused).GetText()).To(ContainSubstring(why))
		s.free()
		s.untouched()
	},
		Entry("a right that was taken away", &message.RightsDel{ClientId: "del", User: "bob", Nodes: []string{"node-1"}, Part: "*"}, "bob has no right"),
		Entry("a user who was deleted", &message.UserDel{ClientId: "del", Name: "bob"}, "ada deleted the user bob"),
	)

	It("that another right makes up for end nothing", func() {
		s := stuck()
		part := func(user, part string) *message.RightsAdd {
			r := add(user, "node-1")
			r.Part = part
			return r
		}
		take := func(user, part string) {
			s.client().ask(&message.RightsDel{ClientId: "del", User: user, Nodes: []string{"node-1"}, Part: part})
		}
		s.give(part("bob", "2"))
		s.give(part("bob", "3"))
		o := s.begin(as("bob", s.deployment("node-1")))
		goesOn := func() {
			GinkgoHelper()
			Expect(s.state("node-1").GetState()).To(Equal("deploying")) // said after the loss was heard of
			Expect(s.log.String()).NotTo(ContainSubstring("loses its right"))
		}
		take("bob", "2")
		goesOn()
		taken := part("*", "3")
		taken.Overwrite = true
		s.give(taken) // to everybody, so to bob
		goesOn()
		s.give(part("bob", "3"))
		take("*", "3")
		goesOn()
		take("bob", "3")
		o.cancelled("ada took node-1 from bob")
	})

	It("survive a crash of who keeps them, and the end of the daemon", func() {
		s := newSite(blueprint{memory: true})
		s.give(add("bob", "node-1"))
		s.crash("root/access", actors.Poison("access"))
		Eventually(func() bool { return s.alive("root/access") }).Should(BeTrue())
		Expect(s.clientOf("bob").rights("")).To(HaveLen(1))
		s.give(add("bob", "node-2"))
		s.restart()
		r := s.deployment("node-1", "node-2")
		r.DryRun = true
		Expect(s.clientOf("bob").ask(r)).To(BeAssignableToTypeOf(&message.Checked{}))
		Expect(s.clientOf("bob").refused(s.deployment("node-3")).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
	})

	It("that cannot be written stay as they were, and what they allow goes on", func() {
		var db *ailing
		s := newSite(blueprint{memory: true, node: map[int]string{1: "sandbox_fault=slow-boot:1.5 timeout_reboot=5"}, store: func(kept actors.Store) actors.Store {
			db = &ailing{Store: kept}
			return db
		}})
		s.give(add("bob", "node-1"))
		o := s.begin(as("bob", s.deployment("node-1")))
		o.enters("node-1", "wait_reboot")
		away := errors.New("database x: the database does not answer")
		db.noRights.Store(&away)
		for _, r := range []proto.Message{add("bob", "node-2"), &message.RightsDel{ClientId: "d", User: "bob", Nodes: []string{"*"}, Part: "*"}} {
			no := s.client().refused(r)
			Expect(no.GetCode()).To(Equal(message.Refusal_UNAVAILABLE))
			Expect(no.GetText()).To(Equal("it could not be written down, and is not in force: database x: the database does not answer"))
		}
		Expect(s.clientOf("bob").rights("")).To(Equal([]string{"bob node-1 part * by ada"}))
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		s.restart()
		Expect(s.clientOf("bob").rights("")).To(Equal([]string{"bob node-1 part * by ada"}))
	})

	It("whose database is another server's end this one", func() {
		var db *ailing
		s := newSite(blueprint{memory: true, store: func(kept actors.Store) actors.Store {
			db = &ailing{Store: kept}
			return db
		}})
		fenced := store.ErrFenced
		db.noRights.Store(&fenced)
		Expect(s.client().refused(add("bob", "node-1")).GetCode()).To(Equal(message.Refusal_UNAVAILABLE))
		Eventually(s.tree.Failed()).Should(Receive(MatchError(ContainSubstring("another server has taken the database over"))))
	})
})

package actors_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/supervisor"
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

	It("are looked at again when the request has been read, and starts", func() {
		s := newSite(blueprint{global: map[string]string{"environment": "image.env"}})
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
		s.client().ask(&message.RightsDel{ClientId: "del", User: "bob", Nodes: []string{"node-1"}, Part: "*"})
		_, err = pipe.Write(text)
		Expect(err).NotTo(HaveOccurred())
		Expect(pipe.Close()).To(Succeed())
		answer := bob.next()
		Expect(answer).To(BeAssignableToTypeOf(&message.Refused{}), fmt.Sprint(answer))
		Expect(answer.(*message.Refused).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
		s.free()
		s.untouched()
	})

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
		s := newSite(blueprint{})
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

	It("that cannot be written stay as they were", func() {
		s := newSite(blueprint{})
		s.give(add("bob", "node-1"))
		Expect(os.MkdirAll(filepath.Join(s.snapshot.Global.StateDir, "rights.json.new", "in the way"), 0o755)).To(Succeed())
		no := s.client().refused(add("bob", "node-2"))
		Expect(no.GetCode()).To(Equal(message.Refusal_UNAVAILABLE))
		Expect(no.GetText()).To(ContainSubstring("rights.json"))
		Expect(s.clientOf("bob").rights("")).To(Equal([]string{"bob node-1 part * by ada"}))
	})

	It("whose file is garbage keep the server from starting, which says what to do", func() {
		s := newSite(blueprint{})
		s.close()
		path := filepath.Join(s.snapshot.Global.StateDir, "rights.json")
		Expect(os.WriteFile(path, []byte("garbage"), 0o600)).To(Succeed())
		system, _ := supervisor.NewSystem(s.logger())
		_, err := supervisor.StartTree(system, actors.Tree(actors.Config{Snapshot: s.snapshot, Load: s.load, Log: s.logger()}))
		Expect(err).To(MatchError(And(ContainSubstring(path), ContainSubstring("not a book of rights"), ContainSubstring("mend the file"))))
		system.Shutdown()
		Expect(os.Remove(path)).To(Succeed())
		s.start()
	})
})

var _ = Describe("A user", func() {
	var tokens, denied []string
	enrols := blueprint{
		tokens: func(user string, life time.Duration) (string, error) {
			tokens = append(tokens, fmt.Sprint(user, " ", life))
			return "token-of-" + user, nil
		},
		deny: func(user, why string) error {
			denied = append(denied, user+": "+why)
			return nil
		},
	}
	BeforeEach(func() { tokens, denied = nil, nil })

	It("who is enrolled gets a token, and may be an admin", func() {
		s := newSite(enrols)
		answer := s.client().ask(&message.UserAdd{ClientId: "u", Name: "bob", Admin: true, Life: durationpb.New(2 * time.Hour)})
		Expect(answer).To(BeAssignableToTypeOf(&message.UserToken{}), fmt.Sprint(answer))
		token := answer.(*message.UserToken)
		Expect(token.GetToken()).To(Equal("token-of-bob"))
		Expect(token.GetPin()).To(Equal("sha256:00"))
		Expect(token.GetUser().GetAdmin()).To(BeTrue())
		Expect(tokens).To(Equal([]string{"bob 2h0m0s"}))
		Expect(s.log.String()).NotTo(ContainSubstring("token-of-bob"))
		users := s.clientOf("bob").ask(&message.UserList{ClientId: "l"}).(*message.Users).GetUsers()
		Expect(users).To(HaveLen(1))
		Expect(s.run(as("bob", s.deployment())).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))
	})

	It("who is deleted loses his rights, his operations, and the door, even where everybody may enter", func() {
		b := enrols
		b.node = map[int]string{1: "sandbox_fault=never-boots timeout_reboot=600"}
		s := newSite(b)
		s.client().ask(&message.UserAdd{ClientId: "u", Name: "bob"})
		s.give(add("*", "*"))
		s.give(add("bob", "node-2"))
		o := s.begin(as("bob", s.deployment("node-1")))
		Expect(s.client().ask(&message.UserDel{ClientId: "d", Name: "bob"})).To(BeAssignableToTypeOf(&message.Accepted{}))
		o.cancelled("ada deleted the user bob")
		Expect(denied).To(Equal([]string{"bob: deleted by ada"}))
		Expect(s.client().rights("bob")).To(Equal([]string{"* * part * by ada"}))
		Expect(s.client().refused(&message.UserDel{ClientId: "d", Name: "bob"}).GetCode()).To(Equal(message.Refusal_UNKNOWN_ID))
	})

	It("who cannot be shut out is not deleted", func() {
		b := enrols
		b.deny = func(string, string) error { return errors.New("no list") }
		s := newSite(b)
		s.client().ask(&message.UserAdd{ClientId: "u", Name: "bob"})
		Expect(s.client().refused(&message.UserDel{ClientId: "d", Name: "bob"}).GetText()).To(ContainSubstring("no list"))
		Expect(s.client().ask(&message.UserList{ClientId: "l"}).(*message.Users).GetUsers()).To(HaveLen(1))
	})

	It("is enrolled by a server with certificates only, and for a time that makes sense", func() {
		s := newSite(blueprint{})
		Expect(s.client().refused(&message.UserAdd{ClientId: "u", Name: "bob"}).GetText()).To(ContainSubstring("enrols nobody"))
		s = newSite(enrols)
		Expect(s.client().refused(&message.UserAdd{ClientId: "u", Name: "bob", Life: durationpb.New(time.Second)}).GetText()).To(ContainSubstring("at least"))
		Expect(s.client().refused(&message.UserAdd{ClientId: "u", Name: "-x"}).GetText()).To(ContainSubstring("no name"))
		Expect(tokens).To(BeEmpty())
	})
})

var _ = Describe("Who speaks", func() {
	It("is who the link says, whatever the request says", func() {
		s := newSite(blueprint{})
		s.give(add("bob", "node-1"))
		forged := s.deployment("node-1")
		forged.User = "ada"
		forged.Nodes = s.names()
		Expect(s.clientOf("bob").refused(forged).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
		forged = s.deployment("node-1")
		answer := s.clientOf("bob").ask(forged)
		Expect(answer).To(BeAssignableToTypeOf(&message.Accepted{}), fmt.Sprint(answer))
		Expect(s.state("node-1").GetUser()).To(Equal("bob"))
		Expect(forged.GetUser()).To(Equal("ada"), "the sender's message is left alone")
	})

	DescribeTable("without a name is refused", func(header map[string]string) {
		s := newSite(blueprint{nodes: 1})
		c := s.client()
		for _, send := range []func(){
			func() { c.sendWith(header, s.deployment()) },
			func() { c.sendWith(header, &message.NodesRequest{ClientId: "n"}) },
			func() { c.sendWith(header, &message.StatusRequest{ClientId: "s"}) },
			func() { c.sendWith(header, &message.Subscribe{ClientId: "w", Id: "D-0", Credit: 1}) },
			func() { c.sendWith(header, add("bob", "node-1")) },
		} {
			send()
			answer := c.next()
			Expect(answer).To(BeAssignableToTypeOf(&message.Refused{}), fmt.Sprint(answer))
			Expect(answer.(*message.Refused).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
			Expect(answer.(*message.Refused).GetText()).To(ContainSubstring("log in"))
		}
	},
		Entry("no header", nil),
		Entry("an empty one", map[string]string{"x-identity": ""}),
		Entry("a node", map[string]string{"x-identity": "ka://node/node-1"}),
		Entry("the daemon", map[string]string{"x-identity": "ka://daemon"}),
		Entry("no name", map[string]string{"x-identity": "ka://user/"}),
		Entry("everybody", map[string]string{"x-identity": "ka://user/*"}),
		Entry("a name with more behind it", map[string]string{"x-identity": "ka://user/ada/eve"}),
		Entry("another header", map[string]string{"x-user": "ka://user/ada"}),
	)

	It("without a name may be given one by the server's owner; with a wrong one never", func() {
		s := newSite(blueprint{nodes: 1, unnamed: "ada"})
		c := s.client()
		c.sendWith(nil, &message.NodesRequest{ClientId: "n"})
		Expect(c.next()).To(BeAssignableToTypeOf(&message.Nodes{}))
		c.sendWith(map[string]string{"x-identity": "ka://node/node-1"}, &message.NodesRequest{ClientId: "n"})
		Expect(c.next()).To(BeAssignableToTypeOf(&message.Refused{}))
	})

	It("sees, watches and ends his own operations; an admin everybody's", func() {
		s := stuck()
		s.give(add("bob", "node-1"))
		s.give(add("carol", "node-2"))
		bobs := s.begin(as("bob", s.deployment("node-1")))
		bobs.enters("node-1", "wait_reboot")
		carols := s.begin(as("carol", s.deployment("node-2")))

		carol := s.clientOf("carol")
		status := carol.ask(&message.StatusRequest{ClientId: "s"}).(*message.Status)
		Expect(status.GetOperations()).To(HaveLen(1))
		Expect(status.GetOperations()[0].GetId()).To(Equal(carols.id))
		for _, m := range []*message.Refused{
			carol.refused(&message.StatusRequest{ClientId: "s", Id: bobs.id}),
			carol.refused(&message.Cancel{ClientId: "c", Id: bobs.id, User: "bob"}),
			carol.refused(&message.Subscribe{ClientId: carol.id, Id: bobs.id, Credit: 10}),
		} {
			Expect(m.GetCode()).To(Equal(message.Refusal_FORBIDDEN))
			Expect(m.GetText()).To(ContainSubstring(bobs.id + " belongs to bob"))
		}
		Expect(s.state("node-1").GetState()).To(Equal("deploying"))
		Expect(s.client().ask(&message.StatusRequest{ClientId: "s"}).(*message.Status).GetOperations()).To(HaveLen(2))
		Expect(s.clientOf("eve").ask(&message.Subscribe{ClientId: "w", Id: bobs.id, From: 1 << 40, Credit: 1})).To(BeAssignableToTypeOf(&message.Accepted{}))
		Expect(s.clientOf("bob").ask(&message.Cancel{ClientId: "c", Id: bobs.id})).To(BeAssignableToTypeOf(&message.Accepted{}))
		bobs.cancelled("by bob")
		s.cancel(carols.id)
		carols.cancelled("by eve")
	})

	It("cannot touch another's subscription, nor get the answer to another's request", func() {
		s := newSite(blueprint{nodes: 1})
		r := s.deployment()
		o := s.run(r)
		o.send(&message.Unsubscribe{Id: o.id, ClientId: o.client.id})
		Eventually(s.sessions).Should(BeEmpty())
		c := s.client()
		c.send(&message.Subscribe{Id: o.id, From: 1 << 40, Credit: 1, ClientId: c.id})
		Eventually(s.sessions).Should(HaveLen(1))
		bob := s.clientOf("bob")
		bob.send(&message.Unsubscribe{Id: o.id, ClientId: c.id})
		Expect(bob.refused(r).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
		Expect(s.sessions()).To(HaveLen(1))
	})
})

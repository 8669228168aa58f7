package actors_test

import (
	"errors"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kadeploy/kadeploy/actors/message"
)

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

package link_test

import (
	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/kadeploy/kadeploy/actors/link"
	"github.com/kadeploy/kadeploy/actors/message"
)

var _ = Describe("A policy", func() {
	const inbox = "inbox-1"
	p := &peer{address: there}
	theirs, ours := p.pid(), &actor.PID{Address: here, Id: inbox}
	takes := func(policy link.Policy, to string, m proto.Message) error {
		GinkgoHelper()
		c, err := link.NewChecker(policy, here, there, true)
		Expect(err).NotTo(HaveOccurred())
		raw, err := proto.Marshal(batched(p.batch(here, to, m)))
		Expect(err).NotTo(HaveOccurred())
		_, err = c.Take(raw)
		return err
	}

	DescribeTable("of a server takes", func(to string, m proto.Message, ok bool) {
		Expect(takes(link.ServerPolicy(api), to, m) == nil).To(Equal(ok))
	},
		Entry("a request", api, &message.Submit{}, true),
		Entry("a cancellation", api, &message.Cancel{}, true),
		Entry("a question", api, &message.NodesRequest{}, true),
		Entry("a subscription", api, &message.Subscribe{}, true),
		Entry("credit", api, &message.Credit{}, true),
		Entry("the end of a subscription", api, &message.Unsubscribe{}, true),
		Entry("a grant", api, &message.RightsAdd{}, true),
		Entry("an environment", api, &message.EnvAdd{}, true),
		Entry("no environment of a catalogue", api, &message.Env{}, false),
		Entry("an enrolment", api, &message.UserAdd{}, true),
		Entry("no token", api, &message.UserToken{}, false),
		Entry("the end of what a session watches", api+"/1", &actor.Terminated{Who: theirs}, true),
		Entry("no end of an actor of its own", api+"/1", &actor.Terminated{Who: ours}, false),
		Entry("no end told to its api", api, &actor.Terminated{Who: theirs}, false),
		Entry("no request to a session", api+"/1", &message.Credit{}, false),
		Entry("no request to an actor that is named like its api", api+"x", &message.Submit{}, false),
		Entry("no watch", api, &actor.Watch{Watcher: theirs}, false),
		Entry("no answer", api, &message.Accepted{}, false),
	)

	DescribeTable("of a client takes", func(to string, m proto.Message, ok bool) {
		Expect(takes(link.ClientPolicy(inbox), to, m) == nil).To(Equal(ok))
	},
		Entry("an acceptance", inbox, &message.Accepted{}, true),
		Entry("a refusal", inbox, &message.Refused{}, true),
		Entry("a dry run", inbox, &message.Checked{}, true),
		Entry("a status", inbox, &message.Status{}, true),
		Entry("nodes", inbox, &message.Nodes{}, true),
		Entry("rights", inbox, &message.Rights{}, true),
		Entry("a token", inbox, &message.UserToken{}, true),
		Entry("environments", inbox, &message.Envs{}, true),
		Entry("users", inbox, &message.Users{}, true),
		Entry("an event", inbox, &message.Event{}, true),
		Entry("a word that nobody heard it", inbox, &actor.DeadLetterResponse{}, true),
		Entry("a watch by a session", inbox, &actor.Watch{Watcher: theirs}, true),
		Entry("the end of one", inbox, &actor.Unwatch{Watcher: theirs}, true),
		Entry("no watch by an actor of its own", inbox, &actor.Watch{Watcher: ours}, false),
		Entry("no watch by nobody", inbox, &actor.Watch{}, false),
		Entry("no end of a watch by nobody", inbox, &actor.Unwatch{}, false),
		Entry("no event to another actor", "inbox-2", &message.Event{}, false),
		Entry("no request", inbox, &message.Submit{}, false),
		Entry("no end of an actor", inbox, &actor.Terminated{Who: theirs}, false),
		Entry("no order to stop", inbox, &actor.Stop{}, false),
		Entry("no poison", inbox, &actor.PoisonPill{}, false),
	)

	It("may name any type that is linked in", func() {
		Expect(takes(link.Policy{Rules: []link.Rule{{To: inbox, Types: []proto.Message{&emptypb.Empty{}}}}}, inbox, &emptypb.Empty{})).To(Succeed())
	})
})

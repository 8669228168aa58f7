package command_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
)

var _ = Describe("The server is asked for rights", func() {
	// asked runs a command line, which must succeed, and returns what the server was asked.
	asked := func(args ...string) proto.Message {
		GinkgoHelper()
		f := newFake()
		f.rights = &message.Rights{}
		f.token = &message.UserToken{}
		u := newUse(f)
		u.in = "node-1\nnode-2\nnode-1\n"
		Expect(u.run(args...)).To(BeZero(), u.err.String())
		Expect(f.changes).To(HaveLen(1))
		return f.changes[0]
	}

	DescribeTable("as the command line says", func(want proto.Message, args ...string) {
		got := asked(args...)
		Expect(proto.Equal(got, want)).To(BeTrue(), "%v, not %v", got, want)
	},
		Entry("a grant", &message.RightsAdd{User: "alice", Nodes: []string{"node-[1-16]", "node-2*"}, Part: "3", Overwrite: true},
			"rights", "add", "alice", "node-[1-16]", "node-2*", "--part", "3", "--overwrite"),
		Entry("everything to everybody", &message.RightsAdd{User: "*", Nodes: []string{"*"}, Part: "*"}, "rights", "add", "*", "*"),
		Entry("nodes of a file", &message.RightsAdd{User: "alice", Nodes: []string{"node-9", "node-[1-2]"}, Part: "*"}, "rights", "add", "alice", "node-9", "-f", "-"),
		Entry("a loss", &message.RightsDel{User: "alice", Nodes: []string{"node-1"}, Part: "*"}, "rights", "del", "alice", "node-1"),
		Entry("a list", &message.RightsList{User: "alice"}, "rights", "list", "alice"),
		Entry("a list of nodes", &message.RightsList{Nodes: []string{"node-1"}}, "rights", "list", "-m", "node-1"),
		Entry("a prologue", &message.RightsAdd{User: "alice", Nodes: []string{"node-[1-2]"}, Part: "3", Overwrite: true},
			"karights", "-a", "-f", "-", "-p", "/dev/sda3", "-u", "alice", "-o"),
		Entry("an epilogue", &message.RightsDel{User: "alice", Nodes: []string{"*"}, Part: "*"}, "karights", "-d", "-m", "*", "-p", "*", "-u", "alice"),
		Entry("the old list", &message.RightsList{User: "alice", Nodes: []string{"node-1"}}, "karights", "-l", "-u", "alice", "-m", "node-1"),
	)

	DescribeTable("that end when the command line says", func(args ...string) {
		until := asked(args...).(*message.RightsAdd).GetUntil().AsTime()
		Expect(until).To(BeTemporally("~", time.Now().Add(2*time.Hour), time.Minute))
	},
		Entry(nil, "rights", "add", "alice", "node-1", "--until", "2h"),
		Entry(nil, "rights", "add", "alice", "node-1", "--until", time.Now().Add(2*time.Hour).Format(time.RFC3339)),
		Entry(nil, "karights", "-a", "-m", "node-1", "-u", "alice", "--until", "120m"),
	)

	It("and for tokens", func() {
		got := asked("user", "add", "alice", "--admin", "--life", "8h").(*message.UserAdd)
		Expect(got.GetName()).To(Equal("alice"))
		Expect(got.GetAdmin()).To(BeTrue())
		Expect(got.GetLife().AsDuration()).To(Equal(8 * time.Hour))
	})

	It("never gets the line of the token quoted wrongly", func() {
		f := newFake()
		f.token = &message.UserToken{Token: "it's; rm -rf /", Pin: "$(pin)"}
		u := newUse(f)
		Expect(u.run("user", "add", "alice")).To(BeZero())
		Expect(u.out.String()).To(Equal(`KADEPLOY_TOKEN='it'\''s; rm -rf /' kadeploy login 127.0.0.1:25300 --pin '$(pin)'` + "\n"))
	})
})

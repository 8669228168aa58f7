package command_test

import (
	"os"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
)

var _ = Describe("What is asked about environments", func() {
	var u *use

	BeforeEach(func() {
		f := newFake()
		f.env, f.envs = &message.Env{}, &message.Envs{}
		u = newUse(f)
	})

	version := uint32(3)
	DescribeTable("is what the words mean", func(want proto.Message, words ...string) {
		Expect(u.run(words...)).To(BeZero(), u.err.String())
		Expect(u.server.changes).To(HaveLen(1))
		Expect(proto.Equal(u.server.changes[0], want)).To(BeTrue(), "%v", u.server.changes[0])
	},
		Entry("a list", &message.EnvList{}, "env", "list"),
		Entry("a list of some", &message.EnvList{Pattern: "deb*", User: "alice", AllVersions: true}, "env", "list", "deb*", "-u", "alice", "--all-versions"),
		Entry("a version", &message.EnvShow{Env: &message.EnvRef{Name: "x:y", Version: &version}}, "env", "show", "x:y:3"),
		Entry("another's", &message.EnvVerify{Env: &message.EnvRef{Name: "x", User: "bob", Version: &version}}, "env", "verify", "x", "-u", "bob", "--env-version", "3"),
		Entry("the newest", &message.EnvRemove{Env: &message.EnvRef{Name: "x"}}, "env", "rm", "x"),
		Entry("every version", &message.EnvRemove{Env: &message.EnvRef{Name: "x"}, AllVersions: true}, "env", "rm", "x", "--all-versions"),
		Entry("an old list", &message.EnvList{Pattern: "deb*", AllVersions: true}, "kaenv", "-l", "deb%", "-s"),
		Entry("an old removal", &message.EnvRemove{Env: &message.EnvRef{Name: "x", User: "bob"}}, "kaenv", "-d", "x", "-u", "bob"),
		Entry("an old print", &message.EnvShow{Env: &message.EnvRef{Name: "x", Version: &version}}, "kaenv", "-p", "x", "--env-version", "3"),
	)

	It("is, for a deployment, a name instead of a description", func() {
		Expect(u.run("deploy", "-m", "node-1", "-e", "debian13", "-u", "alice", "--env-version", "3", "--no-wait")).To(BeZero(), u.err.String())
		r := u.server.requests()[0]
		Expect(r.GetEnvironmentName()).To(Equal("debian13"))
		Expect(r.GetEnvironmentUser()).To(Equal("alice"))
		Expect(r.GetEnvironmentVersion()).To(BeEquivalentTo(3))
		Expect(r.GetEnvironment()).To(BeEmpty())
	})

	It("is, for an addition, the text with where it is from", func() {
		GinkgoT().Chdir(GinkgoT().TempDir())
		text := "name : x\ntarball : x.tgz|tgz\nkernel : /k\nfilesystem : ext4\nfdisktype : 83\nenvironment_kind : linux\n"
		Expect(os.WriteFile("x.env", []byte(text), 0o600)).To(Succeed())
		Expect(u.run("env", "add", "x.env", "--shared")).To(BeZero(), u.err.String())
		r := u.server.changes[0].(*message.EnvAdd)
		Expect(string(r.GetEnvironment())).To(Equal(text))
		Expect(r.GetEnvironmentPath()).To(HaveSuffix("/x.env"))
		Expect(r.GetVisibility()).To(Equal("shared"))
	})
})

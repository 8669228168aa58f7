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
		f.env, f.envs, f.updated, f.moved = &message.Env{}, &message.Envs{}, &message.EnvUpdated{}, &message.EnvMoves{}
		u = newUse(f)
	})

	version, yes, no := uint32(3), true, false
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
		Entry("an update", &message.EnvUpdate{Env: &message.EnvRef{Name: "x", User: "bob"}}, "env", "update", "x", "-u", "bob"),
		Entry("another visibility", &message.EnvSet{Env: &message.EnvRef{Name: "x"}, Visibility: "public", AllVersions: true}, "env", "set", "x", "--public", "--all-versions"),
		Entry("a tag", &message.EnvSet{Env: &message.EnvRef{Name: "x", Version: &version}, Destructive: &yes}, "env", "set", "x:3", "--destructive", "yes"),
		Entry("no tag", &message.EnvSet{Env: &message.EnvRef{Name: "x"}, Visibility: "private", Destructive: &no}, "env", "set", "x", "--private", "--destructive=no"),
		Entry("files elsewhere", &message.EnvMove{Moves: []*message.PathMove{{From: "/a", To: "/b"}, {From: "/c=d", To: "/e"}}, DryRun: true},
			"env", "move", "/a=/b", "--dry-run", "/c=d::/e"),
		Entry("an old update of the image", &message.EnvUpdate{Env: &message.EnvRef{Name: "x"}, Parts: []string{"image"}}, "kaenv", "--update-image-md5", "x"),
		Entry("an old update of the preinstall", &message.EnvUpdate{Env: &message.EnvRef{Name: "x", User: "bob"}, Parts: []string{"preinstall"}}, "kaenv", "--update-preinstall-checksum", "x", "-u", "bob"),
		Entry("an old update of the postinstalls", &message.EnvUpdate{Env: &message.EnvRef{Name: "x", Version: &version}, Parts: []string{"postinstalls"}},
			"kaenv", "--update-postinstalls-md5", "x", "--env-version", "3"),
		Entry("an old visibility", &message.EnvSet{Env: &message.EnvRef{Name: "x"}, Visibility: "shared", AllVersions: true}, "kaenv", "--set-visibility-tag", "x", "-t", "shared", "-s"),
		Entry("old files elsewhere", &message.EnvMove{Moves: []*message.PathMove{{From: "/a", To: "/b"}, {From: "/c", To: "/d"}, {From: "/e", To: "/f"}}},
			"kaenv", "--move-files", "-m", "/a::/b,/c:/d", "-m", "/e=/f"),
		Entry("an old list", &message.EnvList{Pattern: "deb*", AllVersions: true}, "kaenv", "-l", "deb%", "-s"),
		Entry("an old removal", &message.EnvRemove{Env: &message.EnvRef{Name: "x", User: "bob"}}, "kaenv", "-d", "x", "-u", "bob"),
		Entry("an old print", &message.EnvShow{Env: &message.EnvRef{Name: "x", Version: &version}}, "kaenv", "-p", "x", "--env-version", "3"),
	)

	DescribeTable("is, of the old toggle, the tag that is not there", func(text string, want bool) {
		u.server.env = &message.Env{Name: "x", User: "bob", Version: 3, Format: "yaml", Text: []byte(
			"name: x\nimage: {file: /x.tgz, kind: tar, compression: gzip}\nos: linux\nfilesystem: ext4\nboot: {kernel: /k}\n" + text)}
		Expect(u.run("kaenv", "--toggle-destructive-tag", "x", "-u", "bob", "-s")).To(BeZero(), u.err.String())
		Expect(u.server.changes).To(HaveLen(2))
		Expect(proto.Equal(u.server.changes[1], &message.EnvSet{
			Env: &message.EnvRef{Name: "x", User: "bob", Version: &version}, AllVersions: true, Destructive: &want})).To(BeTrue(), "%v", u.server.changes[1])
	}, Entry("when it has none", "", true), Entry("when it has it", "destructive: true\n", false))

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
		Expect(r.GetUser()).To(BeEmpty())
		Expect(u.run("env", "add", "x.env", "-u", "bob")).To(BeZero(), u.err.String())
		Expect(u.server.changes[1].(*message.EnvAdd).GetUser()).To(Equal("bob"))
	})
})

package command_test

import (
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
)

var _ = Describe("what the server is asked", func() {
	var server *fakeServer
	var u *use
	var dir, env string

	BeforeEach(func() {
		server, dir = newFake(), GinkgoT().TempDir()
		u = newUse(server)
		u.home, env = dir, description(dir)
	})

	asked := func(args ...string) *message.Submit {
		ExpectWithOffset(1, u.run(append(args, "--no-wait")...)).To(BeZero(), u.err.String())
		ExpectWithOffset(1, server.requests()).To(HaveLen(1))
		return server.requests()[0]
	}

	It("is a deployment with the description's text and absolute path", func() {
		GinkgoT().Chdir(dir)
		req := asked("deploy", "-m", "node-[1-2].demo,login", "-a", "debian.env")
		Expect(req.GetOperation()).To(Equal(message.Operation_DEPLOY))
		Expect(req.GetNodes()).To(Equal([]string{"node-1.demo", "node-2.demo", "login"}))
		Expect(req.GetEnvironment()).To(BeEquivalentTo("name : debian\n"))
		Expect(req.GetEnvironmentPath()).To(Equal(env))
		Expect(req.GetUser()).To(Equal("alice"))
		Expect(req.GetMinNodes()).To(BeEmpty())
		Expect(req.GetKey()).To(BeNil())
		Expect(req.GetFormatTmp()).To(BeFalse())
	})

	It("has the options of the deployment", func() {
		req := asked("deploy", "-m", "node-1.demo", "-a", env, "--min-nodes", "90%", "-r", "ext4", "--no-partitioning")
		Expect(req.GetMinNodes()).To(Equal("90%"))
		Expect(req.GetFormatTmp()).To(BeTrue())
		Expect(req.GetTmpFilesystem()).To(Equal("ext4"))
		Expect(req.GetNoPartitioning()).To(BeTrue())
	})

	It("has the user's own keys when -k names no file, wherever it stands", func() {
		Expect(os.MkdirAll(filepath.Join(dir, ".ssh"), 0o700)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(dir, ".ssh", "authorized_keys"), []byte("ssh-ed25519 AAAA alice\n"), 0o600)).To(Succeed())
		Expect(asked("deploy", "-k", "-m", "node-1.demo", "-a", env).GetKey()).To(BeEquivalentTo("ssh-ed25519 AAAA alice\n"))
	})

	It("has the keys of the file that -k names", func() {
		keys := filepath.Join(dir, "keys.pub")
		Expect(os.WriteFile(keys, []byte("ssh-ed25519 BBBB bob\n"), 0o600)).To(Succeed())
		Expect(asked("deploy", "-m", "node-1.demo", "-a", env, "-k", keys).GetKey()).To(BeEquivalentTo("ssh-ed25519 BBBB bob\n"))
	})

	It("leaves the environment to the server for start", func() {
		req := asked("start", "-m", "node-1.demo")
		Expect(req.GetEnvironment()).To(BeNil())
		Expect(req.GetEnvironmentPath()).To(BeEmpty())
	})

	It("is a soft reboot unless another level is asked", func() {
		req := asked("reboot", "-m", "node-1.demo")
		Expect(req.GetOperation()).To(Equal(message.Operation_REBOOT))
		Expect(req.GetRebootLevel()).To(Equal("soft"))
	})

	It("is nothing at all when a file cannot be written at the end", func() {
		Expect(u.run("deploy", "-m", "node-1.demo", "-a", env, "-o", filepath.Join(dir, "no", "ok"))).To(Equal(2))
		Expect(server.dialled).To(BeEmpty())
	})

	DescribeTable("goes to the server that the command line means",
		func(environment, want string, args ...string) {
			server.status = &message.Status{}
			u.env["KADEPLOY_SERVER"] = environment
			u.address = func(string) (string, error) { return "127.0.0.9:9", nil }
			Expect(u.run(append([]string{"status"}, args...)...)).To(BeZero())
			Expect(server.dialled).To(Equal(want))
		},
		Entry("by default", "", "127.0.0.1:25300"),
		Entry("in the environment", "127.0.0.2:1", "127.0.0.2:1"),
		Entry("in the environment, without a port", "127.0.0.2", "127.0.0.2:25300"),
		Entry("of a configuration directory", "127.0.0.2:1", "127.0.0.9:9", "-d", "conf"),
		Entry("named", "127.0.0.2:1", "127.0.0.3:3", "-d", "conf", "--server", "127.0.0.3:3"),
		Entry("named by IPv6 address", "", "[::1]:25300", "--server", "::1"),
	)

	It("holds no more than a bounded description", func() {
		big := filepath.Join(dir, "big.env")
		Expect(os.WriteFile(big, []byte(strings.Repeat("x", 1<<20+1)), 0o600)).To(Succeed())
		Expect(u.run("deploy", "-m", "node-1.demo", "-a", big)).To(Equal(2))
		Expect(u.err.String()).To(ContainSubstring("too long"))
	})

	It("holds no more than a bounded number of nodes", func() {
		Expect(u.run("deploy", "-m", "a[1-60000]", "-m", "b[1-60000]", "-a", env)).To(Equal(2))
		Expect(u.err.String()).To(Or(ContainSubstring("more than 100000 nodes"), ContainSubstring("too many")))
	})
})

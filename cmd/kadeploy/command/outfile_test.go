package command_test

import (
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/actors/message"
)

var _ = Describe("the files of nodes", func() {
	var u *use
	var dir, env, ok string

	BeforeEach(func() {
		server := newFake()
		server.events = []*message.Event{started("node-1.demo"), event(&message.Event{Seq: 2, Fact: &message.Event_Ended{Ended: &message.Ended{
			Nodes: []*message.NodeReport{{Name: "node-1.demo", Phase: message.NodePhase_OK}}}}})}
		u, dir = newUse(server), GinkgoT().TempDir()
		env, ok = description(dir), filepath.Join(dir, "ok")
	})

	deploy := func() int { return u.run("deploy", "-m", "node-1.demo", "-a", env, "-o", ok) }

	It("replace a file in one step and keep its mode", func() {
		Expect(os.WriteFile(ok, []byte("old\n"), 0o600)).To(Succeed())
		Expect(os.Chmod(ok, 0o640)).To(Succeed())
		reader, err := os.Open(ok)
		Expect(err).NotTo(HaveOccurred())
		defer reader.Close()
		Expect(deploy()).To(BeZero())
		Expect(os.ReadFile(ok)).To(BeEquivalentTo("node-1.demo\n"))
		info, err := os.Stat(ok)
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(BeEquivalentTo(0o640))
		before := make([]byte, 16)
		n, _ := reader.Read(before)
		Expect(string(before[:n])).To(Equal("old\n"), "who had it open sees all of the old one")
	})

	It("keep a link and replace what it points to", func() {
		Expect(os.WriteFile(filepath.Join(dir, "target"), nil, 0o600)).To(Succeed())
		Expect(os.Symlink("target", ok)).To(Succeed())
		Expect(deploy()).To(BeZero())
		Expect(os.Readlink(ok)).To(Equal("target"))
		Expect(os.ReadFile(filepath.Join(dir, "target"))).To(BeEquivalentTo("node-1.demo\n"))
	})

	It("write to a pipe instead of replacing it", func() {
		Expect(unix.Mkfifo(ok, 0o600)).To(Succeed())
		read := make(chan string, 1)
		go func() {
			text, _ := os.ReadFile(ok)
			read <- string(text)
		}()
		Expect(deploy()).To(BeZero())
		Eventually(read).Should(Receive(Equal("node-1.demo\n")))
	})

	It("make a success a failure when they cannot be written after all", func() {
		ok = "/dev/full"
		Expect(deploy()).To(Equal(1))
		Expect(u.err.String()).To(ContainSubstring("-o /dev/full: cannot be written: no space left on device"))
		Expect(u.out.String()).To(ContainSubstring("(exit code 1)"))
	})

	It("leave nothing else behind", func() {
		Expect(deploy()).To(BeZero())
		names, err := filepath.Glob(filepath.Join(dir, "*"))
		Expect(err).NotTo(HaveOccurred())
		Expect(names).To(ConsistOf(env, ok))
	})
})

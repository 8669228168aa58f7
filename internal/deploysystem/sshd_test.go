package deploysystem_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/deploysystem"
)

var _ = Describe("the ssh server", func() {
	var key, keys, port string

	newKey := func(name string) string {
		GinkgoHelper()
		file := filepath.Join(GinkgoT().TempDir(), name)
		Expect(exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file).Run()).To(Succeed())
		return file
	}
	serve := func(keys string) {
		GinkgoHelper()
		config, err := deploysystem.SSHConfig(keys)
		Expect(err).NotTo(HaveOccurred())
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		done := make(chan error, 1)
		go func() { done <- deploysystem.Welcome(l, config) }()
		DeferCleanup(func() {
			l.Close()
			Eventually(done).Should(Receive())
		})
		_, port, _ = net.SplitHostPort(l.Addr().String())
	}
	// ssh is OpenSSH's client, with one key and no password.
	ssh := func(key string, args ...string) (string, error) {
		cmd := exec.Command("ssh", append([]string{"-p", port, "-i", key, "-F", "none", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
			"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "IdentityAgent=none", "root@127.0.0.1"}, args...)...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}

	BeforeEach(func() {
		for _, program := range []string{"ssh", "ssh-keygen"} {
			if _, err := exec.LookPath(program); err != nil {
				Skip(program + " is not installed (package openssh-client)")
			}
		}
		if _, err := os.Stat("/root"); err != nil {
			Skip("commands run in /root, which cannot be entered: run as root")
		}
		key = newKey("key")
		public, err := os.ReadFile(key + ".pub")
		Expect(err).NotTo(HaveOccurred())
		keys = filepath.Join(GinkgoT().TempDir(), "authorized_keys")
		Expect(os.WriteFile(keys, append([]byte("# the site's keys\n\n"), public...), 0o600)).To(Succeed())
		serve(keys)
	})

	It("runs a command for who has a key, and tells its exit code", func() {
		Expect(ssh(key, "echo hello; echo trouble >&2")).To(And(ContainSubstring("hello\n"), ContainSubstring("trouble\n")))
		_, err := ssh(key, "exit 7")
		Expect(err).To(MatchError("exit status 7"))
	})

	It("gives a terminal to who wants one", func() {
		Expect(ssh(key, "-tt", "tty; stty size")).To(MatchRegexp(`(?s)/dev/pts/\d+\r\n0 0\r\n`))
	})

	It("lets nobody else in", func() {
		out, err := ssh(newKey("other"), "id")
		Expect(err).To(MatchError("exit status 255"))
		Expect(out).To(ContainSubstring("Permission denied"))
	})

	It("lets in whose key was sent since it was started", func() {
		late := newKey("late")
		_, err := ssh(late, "true")
		Expect(err).To(HaveOccurred())
		public, err := os.ReadFile(late + ".pub")
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(keys, public, 0o600)).To(Succeed())
		Expect(ssh(late, "echo in")).To(Equal("in\n"))
	})

	It("lets nobody in when there are no keys, and answers all the same", func() {
		serve(filepath.Join(GinkgoT().TempDir(), "missing"))
		out, err := ssh(key, "id")
		Expect(err).To(MatchError("exit status 255"))
		Expect(out).To(ContainSubstring("Permission denied"))
	})

	It("takes what is typed", func() {
		out, err := exec.Command("sh", "-c", "echo some text | ssh -p "+port+" -i "+key+" -F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR root@127.0.0.1 cat").CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
		Expect(strings.TrimSpace(string(out))).To(Equal("some text"))
	})
})

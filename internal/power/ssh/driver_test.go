package ssh_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"
	xssh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/power/ssh"
)

func TestSSH(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "SSH")
}

// node is a real sshd on loopback that lets root in by one key, and runs a script of the test in place of every command.
type node struct {
	dir  string
	port int
	host xssh.PublicKey
}

// startNode runs an sshd whose sessions run a script, whatever they ask for: twice over, so that nothing here ever reboots.
func startNode(script string) *node {
	GinkgoHelper()
	sshd, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil || os.Geteuid() != 0 {
		Skip("needs root and sshd (Debian: openssh-server)")
	}
	Expect(os.MkdirAll("/run/sshd", 0o755)).To(Succeed())
	n := &node{dir: GinkgoT().TempDir()}
	n.host = n.key("host")
	user := n.key("user")
	n.write("script", "#!/bin/sh\necho \"$SSH_ORIGINAL_COMMAND\" >> "+n.file("asked")+"\n"+script+"\n", 0o755)
	n.write("authorized", fmt.Sprintf("restrict,command=%q %s", n.file("script"), xssh.MarshalAuthorizedKey(user)), 0o600)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	n.port = free.Addr().(*net.TCPAddr).Port
	Expect(free.Close()).To(Succeed())
	n.write("config", fmt.Sprintf("ListenAddress 127.0.0.1:%d\nHostKey %s\nAuthorizedKeysFile %s\nForceCommand %s\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nPidFile none\n",
		n.port, n.file("host"), n.file("authorized"), n.file("script")), 0o600)
	n.write("known", knownhosts.Line([]string{fmt.Sprintf("[node-1.lab]:%d", n.port)}, n.host)+"\n", 0o600)
	cmd := exec.Command(sshd, "-D", "-q", "-f", n.file("config"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	Expect(cmd.Start()).To(Succeed())
	DeferCleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	Eventually(func() error {
		conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", n.port))
		if err == nil {
			_ = conn.Close()
		}
		return err
	}).WithTimeout(5 * time.Second).Should(Succeed())
	return n
}

func (n *node) file(name string) string { return filepath.Join(n.dir, name) }

func (n *node) write(name, text string, mode os.FileMode) {
	Expect(os.WriteFile(n.file(name), []byte(text), mode)).To(Succeed())
}

// key writes a new private key.
func (n *node) key(name string) xssh.PublicKey {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	block, err := xssh.MarshalPrivateKey(private, "")
	Expect(err).NotTo(HaveOccurred())
	n.write(name, string(pem.EncodeToMemory(block)), 0o600)
	signer, err := xssh.NewSignerFromKey(private)
	Expect(err).NotTo(HaveOccurred())
	return signer.PublicKey()
}

func (n *node) target() power.Target {
	return power.Target{Name: "node-1.lab", Short: "node-1", Addr: netip.MustParseAddr("127.0.0.1"), SSHPort: n.port,
		Control: config.Control{SSHKey: n.file("user"), SSHKnownHosts: n.file("known")}}
}

func (n *node) asked() string {
	text, _ := os.ReadFile(n.file("asked"))
	return string(text)
}

var _ = Describe("The ssh driver", func() {
	ctx := context.Background()
	var driver ssh.Driver
	BeforeEach(func() {
		before := gleak.Goroutines()
		DeferCleanup(func() { Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before)) })
	})

	It("asks the node's own system to reboot, and to switch off", func() {
		n := startNode("exit 0")
		_, err := driver.Do(ctx, n.target(), power.OpReboot, power.Soft)
		Expect(err).NotTo(HaveOccurred())
		_, err = driver.Do(ctx, n.target(), power.OpOff, power.Soft)
		Expect(err).NotTo(HaveOccurred())
		Expect(n.asked()).To(Equal("reboot -f\npoweroff\n"))
	})

	It("takes a connection that the reboot cuts for what it is", func() {
		n := startNode("kill -9 $PPID $(ps -o ppid= -p $PPID); sleep 60")
		_, err := driver.Do(ctx, n.target(), power.OpReboot, power.Soft)
		Expect(err).NotTo(HaveOccurred())
		Expect(n.asked()).To(Equal("reboot -f\n"))
	})

	It("fails when the command does, with what it said", func() {
		n := startNode("echo Failed to talk to init daemon. >&2; exit 1")
		_, err := driver.Do(ctx, n.target(), power.OpReboot, power.Soft)
		Expect(err).To(MatchError(ContainSubstring(`ssh root@node-1.lab reboot -f: exit status 1: "Failed to talk`)))
	})

	It("has no means but the gentle ones", func() {
		for op, level := range map[power.Op]power.Level{power.OpReboot: power.Hard, power.OpOn: power.Soft, power.OpStatus: ""} {
			_, err := driver.Do(ctx, power.Target{}, op, level)
			Expect(err).To(MatchError(power.ErrNoCommand))
		}
	})

	It("says nothing to a machine that is not the node", func() {
		n := startNode("exit 0")
		n.write("known", knownhosts.Line([]string{fmt.Sprintf("[node-1.lab]:%d", n.port)}, n.key("other"))+"\n", 0o600)
		_, err := driver.Do(ctx, n.target(), power.OpReboot, power.Soft)
		Expect(err).To(MatchError(ContainSubstring("another one than that of ssh_known_hosts")))
		n.write("known", "", 0o600)
		_, err = driver.Do(ctx, n.target(), power.OpReboot, power.Soft)
		Expect(err).To(MatchError(ContainSubstring("not in ssh_known_hosts")))
		Expect(n.asked()).To(BeEmpty())
	})

	It("fails when the node does not take the key, and when nothing listens", func() {
		n := startNode("exit 0")
		n.key("user")
		_, err := driver.Do(ctx, n.target(), power.OpReboot, power.Soft)
		Expect(err).To(MatchError(ContainSubstring("unable to authenticate")))
		target := n.target()
		target.SSHPort = 1
		_, err = driver.Do(ctx, target, power.OpReboot, power.Soft)
		Expect(err).To(MatchError(syscall.ECONNREFUSED))
	})

	It("never shows a key that it cannot read", func() {
		n := &node{dir: GinkgoT().TempDir()}
		n.write("user", "-----BEGIN hunter2", 0o600)
		n.write("known", "", 0o600)
		_, err := driver.Do(ctx, n.target(), power.OpReboot, power.Soft)
		Expect(err).To(MatchError(ContainSubstring("not a private key")))
		Expect(err.Error()).NotTo(ContainSubstring("hunter2"))
	})

	It("takes a node that falls silent when it was asked for one that reboots", func() {
		n := startNode("sleep 60")
		_, err := ssh.Driver{Silence: 3 * time.Second}.Do(ctx, n.target(), power.OpReboot, power.Soft)
		Expect(err).NotTo(HaveOccurred())
		Expect(n.asked()).To(Equal("reboot -f\n"))
	})

	It("ends with its context when the command does not", func() {
		n := startNode("sleep 60")
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err := driver.Do(short, n.target(), power.OpReboot, power.Soft)
		Expect(err).To(MatchError(context.DeadlineExceeded))
	})
})

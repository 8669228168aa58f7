package ssh_test

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/power/ssh"
	"github.com/kadeploy/kadeploy/internal/sshclient/sshdtest"
)

func TestSSH(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "SSH")
}

func target(n *sshdtest.Server) power.Target {
	login := n.Login()
	return power.Target{Name: login.Host, Short: "node-1", Addr: login.Addr.Addr(), SSHPort: int(login.Addr.Port()),
		Control: config.Control{SSHKey: login.KeyFile, SSHKnownHosts: login.KnownHosts}}
}

var _ = Describe("The ssh driver", func() {
	ctx := context.Background()
	var driver ssh.Driver
	BeforeEach(func() {
		before := gleak.Goroutines()
		DeferCleanup(func() { Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before)) })
	})

	It("asks the node's own system to reboot, and to switch off", func() {
		n := sshdtest.Start("exit 0")
		_, err := driver.Do(ctx, target(n), power.OpReboot, power.Soft)
		Expect(err).NotTo(HaveOccurred())
		_, err = driver.Do(ctx, target(n), power.OpOff, power.Soft)
		Expect(err).NotTo(HaveOccurred())
		Expect(n.Asked()).To(Equal("reboot -f\npoweroff\n"))
	})

	It("takes a connection that the reboot cuts for what it is", func() {
		n := sshdtest.Start("kill -9 $PPID $(ps -o ppid= -p $PPID); sleep 60")
		_, err := driver.Do(ctx, target(n), power.OpReboot, power.Soft)
		Expect(err).NotTo(HaveOccurred())
		Expect(n.Asked()).To(Equal("reboot -f\n"))
	})

	It("fails when the command does, with what it said", func() {
		n := sshdtest.Start("echo Failed to talk to init daemon. >&2; exit 1")
		_, err := driver.Do(ctx, target(n), power.OpReboot, power.Soft)
		Expect(err).To(MatchError(ContainSubstring(`ssh root@node-1.lab reboot -f: exit status 1: "Failed to talk`)))
	})

	It("has no means but the gentle ones", func() {
		for op, level := range map[power.Op]power.Level{power.OpReboot: power.Hard, power.OpOn: power.Soft, power.OpStatus: ""} {
			_, err := driver.Do(ctx, power.Target{}, op, level)
			Expect(err).To(MatchError(power.ErrNoCommand))
		}
	})

	It("says nothing to a machine that is not the node", func() {
		n := sshdtest.Start("exit 0")
		n.Know(n.Key("stranger"))
		_, err := driver.Do(ctx, target(n), power.OpReboot, power.Soft)
		Expect(err).To(MatchError(ContainSubstring("another one than that of ssh_known_hosts")))
		n.Write("known", "", 0o600)
		_, err = driver.Do(ctx, target(n), power.OpReboot, power.Soft)
		Expect(err).To(MatchError(ContainSubstring("not in ssh_known_hosts")))
		Expect(n.Asked()).To(BeEmpty())
	})

	It("fails when the node does not take the key, and when nothing listens", func() {
		n := sshdtest.Start("exit 0")
		n.Key("user")
		_, err := driver.Do(ctx, target(n), power.OpReboot, power.Soft)
		Expect(err).To(MatchError(ContainSubstring("unable to authenticate")))
		dead := target(n)
		dead.SSHPort = 1
		_, err = driver.Do(ctx, dead, power.OpReboot, power.Soft)
		Expect(err).To(MatchError(syscall.ECONNREFUSED))
	})

	It("never shows a key that it cannot read", func() {
		n := &sshdtest.Server{Dir: GinkgoT().TempDir()}
		n.Write("user", "-----BEGIN hunter2", 0o600)
		n.Write("known", "", 0o600)
		_, err := driver.Do(ctx, target(n), power.OpReboot, power.Soft)
		Expect(err).To(MatchError(ContainSubstring("not a private key")))
		Expect(err.Error()).NotTo(ContainSubstring("hunter2"))
	})

	It("does not use a key that others may read", func() {
		n := sshdtest.Start("exit 0")
		Expect(os.Chmod(n.File("user"), 0o640)).To(Succeed())
		_, err := driver.Do(ctx, target(n), power.OpReboot, power.Soft)
		Expect(err).To(MatchError(ContainSubstring("others may read this private key")))
		Expect(n.Asked()).To(BeEmpty())
	})

	It("takes a node that falls silent when it was asked for one that reboots", func() {
		n := sshdtest.Start("sleep 60")
		_, err := ssh.Driver{Silence: 3 * time.Second}.Do(ctx, target(n), power.OpReboot, power.Soft)
		Expect(err).NotTo(HaveOccurred())
		Eventually(n.Asked, "10s").Should(Equal("reboot -f\n"))
	})

	It("ends with its context when the command does not", func() {
		n := sshdtest.Start("sleep 60")
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err := driver.Do(short, target(n), power.OpReboot, power.Soft)
		Expect(err).To(MatchError(context.DeadlineExceeded))
	})
})

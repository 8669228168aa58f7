package sandbox_test

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/sandbox"
)

// rackDaemon is the variable that makes this binary a daemon with a rack: DISKS, and TFTP server in the next.
const (
	rackDaemon     = "SANDBOX_TEST_DISKS"
	rackDaemonTFTP = "SANDBOX_TEST_TFTP"
)

// runRackDaemon switches node-1 on and waits to be killed, or for its input to end.
func runRackDaemon() {
	self, _ := os.Executable()
	r, err := sandbox.New(sandbox.Config{
		Nodes: []sandbox.Node{{Name: "node-1", Addr: netip.MustParseAddr("127.77.4.1"), Sandbox: config.Sandbox{BootDelay: time.Millisecond}}},
		TFTP:  netip.MustParseAddrPort(os.Getenv(rackDaemonTFTP)), Dir: os.Getenv(rackDaemon), AgentPath: self,
	})
	if err == nil {
		_, err = r.Do(context.Background(), power.Target{Name: "node-1"}, power.OpOn, power.Soft)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	io.Copy(io.Discard, os.Stdin)
	r.Close()
	os.Exit(0)
}

var _ = Describe("A daemon with a rack", func() {
	var (
		s      *site
		n      sandbox.Node
		daemon *exec.Cmd
		input  io.WriteCloser
		family []int
	)
	BeforeEach(func() {
		s, n = newSite(), node(1)
		s.bootsDeployment(hex(n), "habit=family")
		daemon = exec.Command(must(os.Executable()))
		daemon.Env = append(os.Environ(), rackDaemon+"="+s.disks, rackDaemonTFTP+"="+s.tftp.String())
		daemon.Stderr = GinkgoWriter
		input = must(daemon.StdinPipe())
		Expect(daemon.Start()).To(Succeed())
		DeferCleanup(func() {
			_ = daemon.Process.Kill()
			_ = daemon.Wait()
			for _, pid := range family { // in a session of their own, which the daemon's death leaves alone
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		})
		family = []int{s.pid(n, "agent"), s.pid(n, "script"), s.pid(n, "grandchild")}
		Expect(family).To(HaveEach(Satisfy(running)))
	})

	It("leaves no process behind when it ends in order", func() {
		Expect(input.Close()).To(Succeed())
		Expect(daemon.Wait()).To(Succeed())
		Expect(family).NotTo(ContainElement(Satisfy(running)))
	})

	It("takes its agents along when it is killed, and its successor ends what they had started", func() {
		Expect(daemon.Process.Kill()).To(Succeed())
		Expect(daemon.Wait()).To(HaveOccurred())
		Eventually(func() bool { return running(family[0]) }).Should(BeFalse())

		s.rack(n)
		Expect(family).NotTo(ContainElement(Satisfy(running)))
	})

	It("has its disks alone", func() {
		_, err := sandbox.New(s.config(n))
		Expect(err).To(MatchError(ContainSubstring("in use by another daemon")))
		Expect(family).To(HaveEach(Satisfy(running)))
	})
})

package command_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/cmd/kadeploy-server/command"
	"github.com/kadeploy/kadeploy/cmd/kadeploy-server/daemon"
)

var _ = Describe("The end of a daemon whose pid was read", func() {
	var stranger *exec.Cmd
	var ended chan error

	BeforeEach(func() {
		stranger, ended = exec.Command("sleep", "60"), make(chan error, 1)
		Expect(stranger.Start()).To(Succeed())
		go func() { ended <- stranger.Wait() }()
		DeferCleanup(func() {
			_ = stranger.Process.Kill()
			Eventually(ended, "5s").Should(Receive())
		})
	})

	// held is a directory that a daemon has, in this process, under a pid.
	held := func(pid int) (daemon.Instance, *daemon.Process) {
		GinkgoHelper()
		state := GinkgoT().TempDir()
		f, err := os.OpenFile(filepath.Join(state, "kadeploy-server.pid"), os.O_RDWR|os.O_CREATE, 0o600)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(f.Close)
		Expect(unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})).To(Succeed())
		_, err = fmt.Fprintf(f, "%d\n127.0.0.1:4711\n", pid)
		Expect(err).NotTo(HaveOccurred())
		now, err := daemon.At(state).Running()
		Expect(err).NotTo(HaveOccurred())
		return daemon.At(state), now
	}

	It("is not that of a stranger who has got the pid since", func() {
		read := &daemon.Process{PID: stranger.Process.Pid, Server: "127.0.0.1:4711", Since: time.Now()}
		Expect(command.End(daemon.At(GinkgoT().TempDir()), read, time.Second)).To(Succeed())
		Consistently(ended, "100ms").ShouldNot(Receive())
	})

	It("is not that of a stranger when another daemon has taken its place", func() {
		instance, now := held(os.Getpid())
		read := *now
		read.PID = stranger.Process.Pid
		Expect(command.End(instance, &read, time.Second)).To(Succeed())
		Consistently(ended, "100ms").ShouldNot(Receive())
	})

	It("is that of the daemon which still has the directory", func() {
		instance, now := held(stranger.Process.Pid)
		Expect(command.End(instance, now, 10*time.Second)).To(Succeed())
		Eventually(ended, "5s").Should(Receive(MatchError("signal: terminated")))
		ended <- nil
	})
})

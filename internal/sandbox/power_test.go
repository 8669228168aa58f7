package sandbox_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/sandbox"
)

var _ = Describe("The power of a machine", func() {
	var s *site
	BeforeEach(func() { s = newSite() })

	It("is off at first, and off and on again as ordered", func() {
		n := node(1)
		r := s.rack(n)
		Expect(status(r, n)).To(Equal(power.Off))
		Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
		Expect(status(r, n)).To(Equal(power.On))
		Expect(do(r, n, power.OpOff, power.Hard)).To(Succeed())
		Expect(status(r, n)).To(Equal(power.Off))
		Expect(do(r, n, power.OpOff, power.VeryHard)).To(Succeed())
		Expect(do(r, n, power.OpReboot, power.Hard)).To(Succeed())
		Expect(status(r, n)).To(Equal(power.On))
	})

	It("belongs to known machines and known orders only", func() {
		n := node(1)
		r := s.rack(n)
		_, err := r.Do(context.Background(), power.Target{Name: "stranger"}, power.OpOn, power.Soft)
		Expect(err).To(MatchError(HavePrefix(`there is no machine "stranger"`)))
		Expect(do(r, n, "explode", power.Hard)).To(MatchError(ContainSubstring(`unknown power operation "explode"`)))
		Expect(do(r, n, power.OpReboot, "gentle")).To(MatchError(ContainSubstring(`unknown power level "gentle"`)))
		Expect(r.Console("stranger")).To(BeEmpty())
	})

	It("logs what it is told, and whether it obeys, where somebody wants to know", func() {
		n, log := node(1), &bytes.Buffer{}
		cfg := s.config(n)
		cfg.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		r, err := sandbox.New(cfg)
		Expect(err).NotTo(HaveOccurred())
		Expect(do(r, n, power.OpReboot, power.Soft)).NotTo(Succeed())
		Expect(do(r, n, power.OpReboot, power.Hard)).To(Succeed())
		status(r, n) // is no order
		r.Close()
		var told []string
		for line := range strings.Lines(log.String()) {
			if _, what, found := strings.Cut(line, `msg="sandbox machine is told" `); found {
				told = append(told, what)
			}
		}
		Expect(told).To(Equal([]string{
			"node=node-1 op=reboot level=soft obeys=false\n", "node=node-1 op=reboot level=hard obeys=true\n"}))
	})

	Context("when no operating system is up", func() {
		It("does not answer soft orders, and obeys hard ones", func() {
			n := node(1) // there is no boot profile: it hangs in its firmware
			r := s.rack(n)
			Expect(do(r, n, power.OpReboot, power.Soft)).To(MatchError(ContainSubstring("node does not answer")))
			Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
			Eventually(screen(r, n)).Should(ContainSubstring("no boot profile"))

			Expect(do(r, n, power.OpReboot, power.Soft)).To(MatchError(ContainSubstring("node does not answer")))
			Expect(do(r, n, power.OpOff, power.Soft)).To(MatchError(ContainSubstring("node does not answer")))
			Expect(status(r, n)).To(Equal(power.On))

			Expect(do(r, n, power.OpReboot, power.Hard)).To(Succeed())
			Eventually(screen(r, n)).Should(ContainSubstring("firmware: boot 2"))
		})
	})

	Context("when the agent is up", func() {
		It("reboots softly, with a new agent", func() {
			n := node(1)
			s.bootsDeployment(hex(n), "")
			r := s.rack(n)
			Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
			first := s.pid(n, "agent")

			Expect(do(r, n, power.OpReboot, power.Soft)).To(Succeed())
			Expect(running(first)).To(BeFalse())
			Eventually(func() int { return s.pid(n, "agent") }).ShouldNot(Equal(first))
		})

		It("takes every process of the machine along when it goes, deaf to signals or not", func() {
			n := node(1)
			s.bootsDeployment(hex(n), "habit=family")
			r := s.rack(n)
			Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
			family := []int{s.pid(n, "agent"), s.pid(n, "script"), s.pid(n, "grandchild")}
			Expect(family).To(HaveEach(Satisfy(running)))

			Expect(do(r, n, power.OpOff, power.Hard)).To(Succeed())
			Expect(family).NotTo(ContainElement(Satisfy(running)))
		})

		It("ends processes that are stopped, too", func() {
			n := node(1)
			s.bootsDeployment(hex(n), "")
			r := s.rack(n)
			Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
			agent := s.pid(n, "agent")
			Expect(syscall.Kill(agent, syscall.SIGSTOP)).To(Succeed())
			Expect(do(r, n, power.OpReboot, power.VeryHard)).To(Succeed())
			Expect(running(agent)).To(BeFalse())
		})
	})

	It("is cut for all machines by Close, after which none starts", func() {
		a, b := node(1), node(2)
		s.bootsDeployment("default", "habit=family")
		r := s.rack(a, b)
		Expect(do(r, a, power.OpOn, power.Soft)).To(Succeed())
		Expect(do(r, b, power.OpOn, power.Soft)).To(Succeed())
		pids := []int{s.pid(a, "grandchild"), s.pid(b, "grandchild"), s.pid(a, "agent"), s.pid(b, "agent")}

		r.Close()
		Expect(pids).NotTo(ContainElement(Satisfy(running)))
		Expect(do(r, a, power.OpOn, power.Soft)).To(MatchError(ContainSubstring("the sandbox is closed")))
		r.Close() // again, by whoever does not know
	})

	It("does not survive the rack, the disk does", func() {
		n := node(1)
		s.bootsDeployment(hex(n), "")
		r := s.rack(n)
		Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
		s.pid(n, "agent")
		r.Close()

		again := s.rack(n)
		Expect(status(again, n)).To(Equal(power.Off))
		Expect(filepath.Join(s.disks, n.Name, "agent")).To(BeARegularFile())
	})

	It("gives way to the caller's context, and obeys the next order none the less", func() {
		n := node(1)
		s.bootsDeployment(hex(n), "")
		r := s.rack(n)
		Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
		first := s.pid(n, "agent")

		impatient, cancel := context.WithCancel(context.Background())
		cancel()
		Eventually(func() error { // either it does not wait for its turn, or not for the machine to be dead
			_, err := r.Do(impatient, power.Target{Name: n.Name}, power.OpOff, power.Hard)
			Expect(err).To(MatchError(context.Canceled))
			return err
		}).Should(MatchError(ContainSubstring("power-off under way")))

		Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
		Eventually(func() int { return s.pid(n, "agent") }).ShouldNot(Equal(first))
		Expect(running(first)).To(BeFalse())
	})
})

var _ = Describe("The agent's process", func() {
	var s *site
	BeforeEach(func() { s = newSite() })

	It("is told its disk, its address and its capacity, and the command line not among its arguments", func() {
		n := node(1)
		n.DiskSize = 1 << 20
		s.bootsDeployment(hex(n), "kadeploy.token=s3cret kadeploy.node=node-1")
		r := s.rack(n)
		Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
		agent := s.pid(n, "agent")

		disk := filepath.Join(s.disks, n.Name)
		Expect(os.ReadFile(filepath.Join(disk, "args"))).To(BeEquivalentTo("--sandbox-disk " + disk + " --address 127.77.4.1 --sandbox-capacity 1048576"))
		Expect(os.ReadFile(filepath.Join(disk, "cmdline"))).To(BeEquivalentTo("kadeploy.token=s3cret kadeploy.node=node-1"))
		list, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", agent))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(list)).NotTo(ContainSubstring("s3cret"))
		Expect(screen(r, n)()).NotTo(ContainSubstring("s3cret"))
		Expect(running(agent)).To(BeTrue())
	})

	It("makes the machine reboot when it ends well", func() {
		n := node(1)
		s.bootsDeployment(hex(n), "habit=reboot")
		r := s.rack(n)
		Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
		Eventually(screen(r, n)).Should(ContainSubstring("firmware: boot 3"))
	})

	DescribeTable("leaves the machine hanging when it ends otherwise, with its last words on the console",
		func(habit, lastLines string) {
			n := node(1)
			s.bootsDeployment(hex(n), "habit="+habit)
			r := s.rack(n)
			Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
			Eventually(screen(r, n)).Should(HaveSuffix(lastLines))
			Consistently(screen(r, n)).Should(HaveSuffix(lastLines))
			Expect(do(r, n, power.OpReboot, power.Soft)).To(MatchError(ContainSubstring("node does not answer")))
			Expect(do(r, n, power.OpReboot, power.Hard)).To(Succeed())
			Eventually(screen(r, n)).Should(ContainSubstring("firmware: boot 2"))
		},
		Entry("lost", "lost", "agent: the server has gone\ndeployment system: agent ended: exit status 1"),
		Entry("crashed", "crash", "agent: hello\ndeployment system: agent ended: signal: killed"),
	)

	It("costs nothing but its machine when it cannot be started", func() {
		n := node(1)
		s.bootsDeployment(hex(n), "")
		cfg := s.config(n)
		cfg.AgentPath = filepath.Join(s.disks, "no-such-agent")
		r, err := newRack(cfg)
		Expect(err).NotTo(HaveOccurred())
		Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
		Eventually(screen(r, n)).Should(ContainSubstring("no-such-agent: no such file or directory"))
	})
})

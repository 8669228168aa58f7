package power_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/power"
)

var _ = Describe("The command driver", func() {
	var (
		dir    string
		driver power.Command
	)
	BeforeEach(func() { dir = GinkgoT().TempDir() })

	target := func(argv ...string) power.Target {
		return power.Target{Name: "node-1.lab.org", Short: "node-1", Commands: map[string]config.Command{
			"reboot_soft": {Argv: argv}, "power_status": {Argv: argv},
		}}
	}
	reboot := func(ctx context.Context, argv ...string) error {
		_, err := driver.Do(ctx, target(argv...), power.OpReboot, power.Soft)
		return err
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	alive := func(pidFile string) bool {
		text, err := os.ReadFile(file(pidFile))
		Expect(err).NotTo(HaveOccurred())
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		Expect(err).NotTo(HaveOccurred())
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err == nil && !strings.Contains(string(stat), ") Z ") && syscall.Kill(pid, 0) == nil
	}

	It("puts the node's names into each argument and gives them to the program as they are", func() {
		out := file("args")
		script := file("script")
		Expect(os.WriteFile(script, []byte("#!/bin/sh\nfor a; do echo \"[$a]\"; done > "+out+"\n"), 0o755)).To(Succeed())

		Expect(reboot(context.Background(), script, "-h", "HOSTNAME_FQDN", "bmc-HOSTNAME_SHORT", "$(touch "+file("oops")+"); *")).To(Succeed())

		Expect(os.ReadFile(out)).To(BeEquivalentTo("[-h]\n[node-1.lab.org]\n[bmc-node-1]\n[$(touch " + file("oops") + "); *]\n"))
		Expect(file("oops")).NotTo(BeAnExistingFile())
	})

	It("refuses a node name that a program would take for an option", func() {
		t := target("echo", "HOSTNAME_FQDN")
		t.Name = "--config=evil"
		_, err := driver.Do(context.Background(), t, power.OpReboot, power.Soft)
		Expect(err).To(MatchError(ContainSubstring("would be read as an option")))
	})

	DescribeTable("reads the state from what a status command prints",
		func(printed string, want power.Status) {
			Expect(driver.Do(context.Background(), target("printf", printed), power.OpStatus, "")).To(Equal(want))
		},
		Entry(nil, "Chassis Power is on\n", power.On),
		Entry(nil, "Chassis Power is off", power.Off),
		Entry(nil, "node-1: OFF", power.Off),
		Entry("words that only contain it say nothing", "connection offline", power.Unknown),
		Entry("silence says nothing", "", power.Unknown),
	)

	Context("when there is no command for the level", func() {
		It("answers ErrNoCommand, and another level may have one", func() {
			_, err := driver.Do(context.Background(), target("true"), power.OpReboot, power.Hard)
			Expect(err).To(MatchError(power.ErrNoCommand))
			Expect(err).To(MatchError("reboot_hard of node-1.lab.org: no command configured"))
		})

		It("does not pass a command of a whole group off as the node's", func() {
			t := target()
			t.Commands["reboot_soft"] = config.Command{Argv: []string{"touch", file("cut")}, Group: "/etc/pdu-groups"}
			_, err := driver.Do(context.Background(), t, power.OpReboot, power.Soft)
			Expect(err).To(MatchError(power.ErrNoCommand))
			Expect(err).To(MatchError(ContainSubstring("/etc/pdu-groups")))
			Expect(file("cut")).NotTo(BeAnExistingFile())
		})
	})

	Context("when the command fails", func() {
		It("says which program, how it ended and what it printed", func() {
			err := reboot(context.Background(), "sh", "-c", "echo no route to BMC >&2; exit 3")
			Expect(err).To(MatchError(`reboot_soft of node-1.lab.org: sh: exit status 3: "no route to BMC"`))
		})

		It("keeps the end of a long output", func() {
			err := reboot(context.Background(), "sh", "-c", "yes line | head -n 100000; echo the cause; exit 1")
			Expect(err).To(MatchError(ContainSubstring("the cause")))
			Expect(len(err.Error())).To(BeNumerically("<", 16<<10))
		})

		It("never tells the arguments, where sites write passwords", func() {
			err := reboot(context.Background(), "sh", "-c", "exit 1", "hunter2")
			Expect(err).To(HaveOccurred())
			Expect(err.Error()).NotTo(ContainSubstring("hunter2"))
		})

		It("names a program that does not exist", func() {
			Expect(reboot(context.Background(), file("no-such-program"))).To(MatchError(ContainSubstring("no-such-program")))
		})
	})

	Context("when the context ends first", func() {
		It("kills the command with all it started, deaf to TERM or not", func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			result := make(chan error, 1)
			go func() {
				result <- reboot(ctx, "sh", "-c", `trap "" TERM; (trap "" TERM; for i in 1 2 3 4 5 6; do sleep 10; done) & echo $! > `+file("child")+
					`; echo $$ > `+file("leader")+`; echo waiting for the BMC; wait`)
			}()
			Eventually(file("leader")).Should(BeAnExistingFile())
			Eventually(func() bool { return alive("child") && alive("leader") }).Should(BeTrue())

			cancel()

			var err error
			Eventually(result).WithTimeout(5 * time.Second).Should(Receive(&err))
			Expect(err).To(MatchError(context.Canceled))
			Eventually(func() bool { return alive("child") || alive("leader") }).Should(BeFalse())
		})

		It("says so as a deadline, with what the command had printed", func() {
			ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
			defer cancel()
			err := reboot(ctx, "sh", "-c", "echo waiting for the BMC; exec sleep 60")
			Expect(err).To(MatchError(context.DeadlineExceeded))
			Expect(err).To(MatchError(ContainSubstring("waiting for the BMC")))
		})

		It("does not start what is too late already", func() {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			Expect(reboot(ctx, "touch", file("late"))).To(MatchError(context.Canceled))
			Expect(file("late")).NotTo(BeAnExistingFile())
		})
	})

	It("does not wait for a child that the command leaves in the background with its output", func() {
		start := time.Now()
		Expect(reboot(context.Background(), "sh", "-c", "sleep 60 & echo $! > "+file("child"))).To(Succeed())
		Expect(time.Since(start)).To(BeNumerically("<", 30*time.Second))
		text, err := os.ReadFile(file("child"))
		Expect(err).NotTo(HaveOccurred())
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		Expect(err).NotTo(HaveOccurred())
		Expect(syscall.Kill(pid, syscall.SIGKILL)).To(Succeed())
	})
})

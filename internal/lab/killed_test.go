//go:build lab

package lab_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/lab"
	"github.com/kadeploy/kadeploy/internal/netlab"
)

const holdVariable = "LAB_TEST_HOLD"

// init makes the test's program another one, which holds a lab with a running machine until it is killed.
func init() {
	if os.Getenv(holdVariable) == "" || os.Getenv("KADEPLOY_LAB_ROLE") != "" {
		return
	}
	l, err := lab.New(lab.Config{Machines: make([]lab.MachineConfig, 1)})
	if err == nil {
		err = l.Machines[0].On()
	}
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(l.Dir)
	time.Sleep(time.Hour) // the runtime takes select {} for a deadlock, and ends the process
}

var _ = Describe("A lab whose process is killed", func() {
	DescribeTable("is removed, with its machines, BMCs and disks, and not before", func(remove func(name string)) {
		holder := exec.Command(os.Args[0])
		holder.Env = append(os.Environ(), holdVariable+"=1")
		out, err := holder.StdoutPipe()
		Expect(err).NotTo(HaveOccurred())
		Expect(holder.Start()).To(Succeed())
		DeferCleanup(func() { // nobody waits for it before
			Expect(holder.Wait()).To(MatchError("signal: killed"))
		})
		line, err := bufio.NewReader(out).ReadString('\n')
		Expect(err).NotTo(HaveOccurred())
		dir := strings.TrimSpace(line)
		Expect(dir).To(BeADirectory(), line)
		pid, err := os.ReadFile(filepath.Join(dir, "node-1/qemu.pid"))
		Expect(err).NotTo(HaveOccurred())
		machine := filepath.Join("/proc", strings.TrimSpace(string(pid)), "exe")

		Expect(lab.Clean("")).To(Succeed())
		Expect(os.Readlink(machine)).To(ContainSubstring("qemu"), "its process lives")

		watchers := watchersOf(filepath.Base(dir))
		Expect(watchers).To(HaveLen(1))
		if remove != nil {
			Expect(watchers[0].Kill()).To(Succeed())
		}
		Expect(holder.Process.Kill()).To(Succeed())
		if remove != nil {
			Eventually(netlab.Abandoned, "20s").WithArguments(filepath.Base(dir)).Should(BeTrue())
			remove(dir)
		}
		Eventually(dir, "20s").ShouldNot(BeADirectory())
		_, err = os.Readlink(machine)
		Expect(err).To(HaveOccurred())
		Expect(filepath.Glob("/run/netns/" + filepath.Base(dir) + "-*")).To(BeEmpty())
	},
		Entry("at once, by its watcher", nil),
		Entry("by the next lab, where its watcher was killed, too", func(dir string) {
			Expect(dir).To(BeADirectory())
			Expect(lab.Clean("")).To(Succeed())
		}),
	)
})

// watchersOf finds the processes that are told of the lab by its name.
func watchersOf(name string) (found []*os.Process) {
	GinkgoHelper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	Expect(err).NotTo(HaveOccurred())
	for _, path := range lines {
		line, _ := os.ReadFile(path) // it may have ended
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil && strings.Contains(string(line), "\x00"+name+"\x00") {
			p, err := os.FindProcess(pid)
			Expect(err).NotTo(HaveOccurred())
			found = append(found, p)
		}
	}
	return found
}

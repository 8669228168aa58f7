//go:build lab

package lab_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

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
	select {}
}

var _ = Describe("A lab whose process is killed", func() {
	It("is removed by the next one, with its machines, BMCs and disks, and not before", func() {
		holder := exec.Command(os.Args[0])
		holder.Env = append(os.Environ(), holdVariable+"=1")
		out, err := holder.StdoutPipe()
		Expect(err).NotTo(HaveOccurred())
		Expect(holder.Start()).To(Succeed())
		line, err := bufio.NewReader(out).ReadString('\n')
		Expect(err).NotTo(HaveOccurred())
		dir := strings.TrimSpace(line)
		Expect(dir).To(BeADirectory(), line)
		pid, err := os.ReadFile(filepath.Join(dir, "node-1/qemu.pid"))
		Expect(err).NotTo(HaveOccurred())
		machine := filepath.Join("/proc", strings.TrimSpace(string(pid)), "exe")

		Expect(lab.Clean("")).To(Succeed())
		Expect(os.Readlink(machine)).To(ContainSubstring("qemu"), "its process lives")

		Expect(holder.Process.Kill()).To(Succeed())
		holder.Wait()
		Expect(netlab.Abandoned(filepath.Base(dir))).To(BeTrue())
		Expect(lab.Clean("")).To(Succeed())
		Expect(dir).NotTo(BeADirectory())
		_, err = os.Readlink(machine)
		Expect(err).To(HaveOccurred())
		Expect(filepath.Glob("/run/netns/" + filepath.Base(dir) + "-*")).To(BeEmpty())
	})
})

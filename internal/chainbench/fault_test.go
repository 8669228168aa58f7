package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("A host that starts late", func() {
	It("does nothing before it gets its signal, and then what it was to do", func() {
		dir := GinkgoT().TempDir()
		file := filepath.Join(dir, "a file")
		host := onLoopback(nil, dir, 1).hosts[0]
		y, err := begin(context.Background(), host, waiting(pipeline{{"touch", file}}), nil, filepath.Join(dir, "log"))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(y.kill)
		state := func() string {
			stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(y.processes[0].Process.Pid), "stat"))
			Expect(err).NotTo(HaveOccurred())
			return string(stat)
		}
		Eventually(state, "10s").Should(ContainSubstring(") T "))
		Expect(file).NotTo(BeAnExistingFile())
		y.signal(syscall.SIGCONT)
		Eventually(y.ended, "10s").Should(BeClosed())
		Expect(file).To(BeAnExistingFile())
	})

	It("is a victim that is waited for", func() {
		s := scenarioOf("faults/late")
		Expect(s.fault.fatal()).To(BeFalse())
		Expect(s.fault.startsLate(4, 8)).To(BeTrue())
		Expect(s.fault.startsLate(3, 8)).To(BeFalse())
	})
})

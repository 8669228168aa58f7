//go:build netns

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
)

// With the tag netns this must be run by root, with iproute2 and socat installed. The rivals are old and well known, so what
// the benchmark has to find is, too.
var _ = Describe("chainbench, among rivals", func() {
	measure := func(args ...string) []row {
		GinkgoHelper()
		s, err := gexec.Start(exec.Command(program, append([]string{"-agent", program, "-output", "json", "-n", "1"}, args...)...), nil, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		Eventually(s, "150s").Should(gexec.Exit(0))
		var r report
		Expect(json.Unmarshal(s.Out.Contents(), &r)).To(Succeed())
		return r.Rows
	}

	It("finds that one copy is nearly ideal and a server for eight eight times slower", func() {
		rows := measure("-run", "limit/8", "-who", "one")
		Expect(rows).To(HaveLen(2))
		Expect(rows[0].Right).To(Equal(1))
		Expect(rows[0].OfIdeal).To(HaveValue(BeNumerically("~", 0.85, 0.16)))
		Expect(rows[1].Right).To(Equal(8))
		Expect(rows[1].OfIdeal).To(HaveValue(BeNumerically("~", 0.12, 0.02)))
	})

	It("finds that a relay loses everybody with one host, and a server nobody else", func() {
		rows := measure("-run", "faults/killed", "-who", "tee|server")
		Expect(rows).To(HaveLen(2))
		Expect(rows[0].Right).To(Equal(0))
		Expect(rows[0].Seconds).To(BeNil())
		Expect(rows[1].Right).To(Equal(7))
		Expect(rows[1].Lost).To(HaveValue(BeNumerically("<", 2)))
	})

	It("leaves nothing behind when it is interrupted", func() {
		s, err := gexec.Start(exec.Command(program, "-agent", program, "-run", "limit/8", "-who", "server", "-dir", GinkgoT().TempDir()), GinkgoWriter, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		ours := func() (names []string) {
			entries, err := os.ReadDir("/run/netns")
			Expect(err).NotTo(HaveOccurred())
			for _, e := range entries {
				if strings.HasPrefix(e.Name(), fmt.Sprintf("netlab-%d-", s.Command.Process.Pid)) {
					names = append(names, e.Name())
				}
			}
			return names
		}
		Eventually(ours, "10s").Should(HaveLen(10), "the head, eight hosts and the switch")
		Eventually(s.Interrupt(), "20s").Should(gexec.Exit(1))
		Expect(s.Err).To(gbytes.Say("interrupt"))
		Expect(ours()).To(BeEmpty())
	})
})

package main

import (
	"os/exec"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
)

var _ = Describe("chainbench", func() {
	run := func(args ...string) *gexec.Session {
		GinkgoHelper()
		s, err := gexec.Start(exec.Command(program, args...), GinkgoWriter, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		Eventually(s, "10s").Should(gexec.Exit())
		return s
	}

	DescribeTable("answers a wrong option in one line", func(want string, args ...string) {
		s := run(args...)
		Expect(s.ExitCode()).To(Equal(1))
		Expect(string(s.Err.Contents())).To(Equal("chainbench: " + want + "\n"))
	},
		Entry(nil, "-n 0: want at least 1", "-n", "0"),
		Entry(nil, "-output xml: want text or json", "-output", "xml"),
		Entry(nil, "-run tape: matches no scenario; -list names them", "-run", "tape"),
		Entry(nil, "-who: error parsing regexp: missing closing ): `(`", "-who", "("),
		Entry(nil, "flag provided but not defined: -fast", "-fast"),
		Entry(nil, `"fast": only options are taken`, "fast"),
	)

	It("names its scenarios", func() {
		s := run("-list", "-run", "limit")
		Expect(s.ExitCode()).To(Equal(0))
		Expect(string(s.Out.Contents())).To(Equal("limit/8    8 hosts, links of 200 Mbit/s, 64 MiB\nlimit/24   24 hosts, links of 200 Mbit/s, 64 MiB\n"))
	})

	It("exits 3 with one line when it cannot measure here", func() {
		s := run("-agent", "/no/agent")
		Expect(s.ExitCode()).To(Equal(3))
		Expect(string(s.Err.Contents())).To(MatchRegexp(`^chainbench: [^\n]*(root|iproute2|make build)[^\n]*\n$`))
	})
})

package main_test

import (
	"encoding/json"
	"os/exec"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/kadeploy/kadeploy/internal/machine"
)

var _ = Describe("kadeploy-agent on a machine with a system of its own", func() {
	run := func(env []string, args ...string) *gexec.Session {
		GinkgoHelper()
		cmd := exec.Command(program, args...)
		cmd.Env = env
		s, err := gexec.Start(cmd, nil, nil)
		Expect(err).NotTo(HaveOccurred())
		Eventually(s, "10s").Should(gexec.Exit())
		return s
	}

	It("lists the disks for people and for programs", func() {
		var disks []machine.DiskInfo
		out := run(nil, "inventory", "--output", "json")
		Expect(out).To(gexec.Exit(0))
		Expect(json.Unmarshal(out.Out.Contents(), &disks)).To(Succeed())
		table := run(nil, "inventory")
		Expect(table).To(gexec.Exit(0))
		Expect(string(table.Out.Contents())).To(HavePrefix("DEVICE"))
		for _, d := range disks {
			Expect(string(table.Out.Contents())).To(ContainSubstring(d.Device))
		}
	})

	DescribeTable("says in one line what is wrong", func(line string, args []string, says string) {
		s := run([]string{"KADEPLOY_CMDLINE=" + line}, args...)
		Expect(s.ExitCode()).NotTo(BeZero())
		Expect(string(s.Err.Contents())).To(MatchRegexp(`^kadeploy-agent: ` + says + `.*\n$`))
	},
		Entry("no words", "", []string{"start", "--disks"}, "KADEPLOY_CMDLINE is empty"),
		Entry("words that are none", "quiet", []string{"start", "--sandbox-disk", "/nowhere"}, `kernel command line: kadeploy\.server=""`),
		Entry("no machine", complete[len("KADEPLOY_CMDLINE="):], []string{"start"}, "give --disks"),
		Entry("a stray argument", "x", []string{"start", "now"}, `unexpected argument "now"`),
		Entry("an unknown format", "", []string{"inventory", "--output", "xml"}, `--output "xml": want table or json \(see kadeploy-agent inventory --help\)`),
		Entry("an unknown option", "", []string{"inventory", "--ouput", "json"}, `unknown option --ouput\. Did you mean --output\?`),
	)
})

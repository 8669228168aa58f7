package command_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("completion", func() {
	var dir string

	BeforeEach(func() {
		dir = GinkgoT().TempDir()
		u := newUse(newFake())
		Expect(u.run("completion", "bash")).To(BeZero())
		Expect(os.WriteFile(filepath.Join(dir, "kadeploy.bash"), []byte(u.out.String()), 0o600)).To(Succeed())
		names := "#!/bin/sh\nif [ \"$2\" = nodes ]; then echo node-1.demo; echo node-2.demo; echo '$(touch pwned)'; elif [ \"$2\" = environments ]; then echo debian13; else echo D-1; fi\n"
		Expect(os.WriteFile(filepath.Join(dir, "kadeploy"), []byte(names), 0o700)).To(Succeed())
	})

	// offers is what bash offers for the last of the words.
	offers := func(words ...string) []string {
		script := `source ./kadeploy.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _kadeploy; printf '%s\n' "${COMPREPLY[@]}"`
		cmd := exec.Command("bash", append([]string{"--norc", "-c", script, "bash"}, words...)...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		ExpectWithOffset(1, err).NotTo(HaveOccurred(), string(out))
		return strings.Fields(string(out))
	}

	DescribeTable("of bash offers", func(want []string, words ...string) {
		Expect(offers(words...)).To(ConsistOf(want))
	},
		Entry("commands", []string{"deploy"}, "kadeploy", "de"),
		Entry("a command's options", []string{"--no-wait", "--no-partitioning", "--no-kexec"}, "kadeploy", "deploy", "--no-"),
		Entry("options of another command not", []string{"--level"}, "kadeploy", "reboot", "--le"),
		Entry("the server's nodes", []string{"node-1.demo", "node-2.demo"}, "kadeploy", "deploy", "-m", "node"),
		Entry("the server's operations", []string{"D-1"}, "kadeploy", "watch", "D"),
		Entry("options where an operation may stand", []string{"--output", "--output-ok-nodes", "--output-ko-nodes"}, "kadeploy", "watch", "--out"),
		Entry("what can be done to rights", []string{"del"}, "kadeploy", "rights", "d"),
		Entry("the options of rights", []string{"--overwrite"}, "kadeploy", "rights", "add", "--ov"),
		Entry("the catalogue's environments", []string{"debian13"}, "kadeploy", "deploy", "-e", "deb"),
		Entry("what can be done to environments", []string{"show"}, "kadeploy", "env", "s"),
		Entry("environments where they may stand", []string{"debian13"}, "kadeploy", "env", "show", ""),
		Entry("levels", []string{"hard"}, "kadeploy", "reboot", "-l", "h"),
		Entry("shells", []string{"fish"}, "kadeploy", "completion", "f"),
	)

	It("evaluates neither what was typed nor what the server says", func() {
		offers("kadeploy", "deploy", "-m", "$(touch typed)")
		offers("kadeploy", "deploy", "-m", "$")
		offers("kadeploy", "`touch typed`", "")
		Expect(filepath.Join(dir, "typed")).NotTo(BeAnExistingFile())
		Expect(filepath.Join(dir, "pwned")).NotTo(BeAnExistingFile())
	})

	DescribeTable("of other shells names every command and option", func(shell string) {
		u := newUse(newFake())
		Expect(u.run("completion", shell)).To(BeZero())
		for _, word := range []string{"deploy", "start", "reboot", "status", "nodes", "watch", "cancel", "--min-nodes", "-o", "--no-wait", "kadeploy complete nodes"} {
			Expect(u.out.String()).To(ContainSubstring(word))
		}
		Expect(u.out.String()).NotTo(ContainSubstring("eval "))
		Expect(u.out.String()).NotTo(ContainSubstring("{{"))
	},
		Entry("zsh", "zsh"), Entry("fish", "fish"))
})

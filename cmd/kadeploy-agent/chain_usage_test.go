package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
)

var _ = Describe("kadeploy-agent chain, misused,", func() {
	// say runs a command line, whose words have no blanks, in an empty directory with a file key.
	say := func(line string) *gexec.Session {
		GinkgoHelper()
		dir := GinkgoT().TempDir()
		Expect(os.WriteFile(filepath.Join(dir, "key"), []byte(strings.Repeat("5", 64)), 0o600)).To(Succeed())
		cmd := exec.Command(program, append([]string{"chain"}, strings.Fields(line)...)...)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
		s, err := gexec.Start(cmd, GinkgoWriter, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		Eventually(s, patient).Should(gexec.Exit())
		Expect(os.ReadDir(dir)).To(HaveLen(1), "it leaves nothing behind")
		return s
	}

	DescribeTable("exits 64 with one line that says what to do", func(line, want, help string) {
		s := say(line)
		Expect(s.ExitCode()).To(Equal(64))
		Expect(oneLine(s)).To(Equal("kadeploy-agent: " + want + " (see kadeploy-agent chain" + help + " --help)\n"))
		Expect(text(s.Out)).To(BeEmpty())
	},
		Entry("no command", "", "say chain send, chain receive or chain key", ""),
		Entry("another command", "sned", `unknown command "sned". Did you mean "send"?`, ""),
		Entry("flags alone", "-k key", "no command: --key-file belongs to one", ""),
		Entry("words", "key now", `unexpected argument "now"`, " key"),
		Entry("an unknown option", "send --inptu x", "unknown option --inptu. Did you mean --input?", " send"),
		Entry("an option of another command", "send -O cat", "unknown option -O", " send"),
		Entry("an option without its value", "send -i", "option -i needs a value", " send"),
		Entry("nobody", "send -i key -k key", "nobody to send to: give -N HOSTS or -f FILE", " send"),
		Entry("nothing", "send -N a -k key", "nothing to send: give -i FILE, or -i - for standard input", " send"),
		Entry("no key", "send -N a -i key", "no key: make one by (umask 077; kadeploy-agent chain key > FILE), give it to every machine, and name it by -k FILE or $KADEPLOY_CHAIN_KEY_FILE", " send"),
		Entry("a key that is not there", "send -N a -i key -k keys", "key file keys: no such file or directory", " send"),
		Entry("a bad host", "send -N a,b:0 -i key -k key", `-N a,b:0: "b:0": the port is a number from 1 to 65535`, " send"),
		Entry("a host twice", "send -N a -N a:25303 -i key -k key", "-N a:25303: a:25303 is named twice, first by -N a", " send"),
		Entry("a file of hosts that is not there", "send -f hosts -i key -k key", "-f hosts: no such file or directory", " send"),
		Entry("a bad rate", "send -N a -i key -k key --rate fast", `--rate "fast": want bytes per second such as 100M, or bits such as 800Mbit`, " send"),
		Entry("a bad size", "send -N a -i key -k key --chunk 0", `--chunk "0": want a size such as 64M (K, M, G and T are powers of 1024)`, " send"),
		Entry("a time below zero", "send -N a -i key -k key --linger=-1s", "--linger -1s: want a time such as 2s, not below 0", " send"),
		Entry("another format", "send -N a -i key -k key --output xml", "--output xml: want text or json", " send"),
		Entry("standard input twice", "send -N a -i - -k -", "--input and --key-file cannot both read standard input", " send"),
		Entry("a report that cannot be written", "send -N a -i key -k key --ko no/where", "--ko no/where: cannot be written: no such file or directory", " send"),
		Entry("nowhere to put it", "receive -k key", "nowhere to put it: give -o FILE, -o - for standard output, or -O COMMAND", " receive"),
		Entry("two places to put it", "receive -k key -o x -O cat", "-o x and -O: one of them at a time", " receive"),
		Entry("a bad address", "receive -k key -o x -l here", "--listen here: want ADDR:PORT or :PORT", " receive"),
	)

	DescribeTable("exits 1 with one line when something is wrong with this machine", func(line, want string) {
		s := say(line)
		Expect(s.ExitCode()).To(Equal(1))
		Expect(oneLine(s)).To(MatchRegexp("^kadeploy-agent: " + want + "\n$"))
	},
		Entry("no such file", "send -N a -i image -k key", "input image: no such file or directory"),
		Entry("a directory", "send -N a -i . -k key", "input . is a directory: send an archive of it, tar c . | kadeploy-agent chain send -i -"),
		Entry("a directory to put it", "receive -k key -o .", "output .: is a directory, not a file"),
		Entry("no directory to put it", "receive -k key -o no/where", "output no/where: no such file or directory"),
		Entry("an address that is not ours", "receive -k key -o x -l 192.0.2.1:1", "listen tcp 192.0.2.1:1: bind: cannot assign requested address"),
	)

	It("takes flags in any order, and before the command", func() {
		s := say("-k key --output json send -i image -N a")
		Expect(s.ExitCode()).To(Equal(1))
		Expect(oneLine(s)).To(ContainSubstring("image: no such file"))
	})

	DescribeTable("explains itself", func(line string, want ...string) {
		s := say(line)
		Expect(s.ExitCode()).To(BeZero())
		for _, w := range append(want, "EXAMPLES:") {
			Expect(text(s.Out)).To(ContainSubstring(w))
		}
		Expect(text(s.Err)).To(BeEmpty())
	},
		Entry(nil, "--help", "send     send a file", "receive  receive what", "key      make a key"),
		Entry(nil, "help send", "--rate RATE", "EXIT CODES:"),
		Entry(nil, "send -h", "--rate RATE", "EXIT CODES:"),
		Entry(nil, "receive --help", "--slow-sink TIME", "EXIT CODES:"),
		Entry(nil, "key --help", "umask 077"),
	)

	It("takes the file that the environment names, when nothing else has the key", func() {
		c := newCast(1)
		GinkgoT().Setenv("KADEPLOY_CHAIN_KEY_FILE", c.key)
		r := &receiver{dir: GinkgoT().TempDir()}
		r.out = filepath.Join(r.dir, "out")
		r.Session = start(nil, "chain", "receive", "-l", "127.0.0.1:0", "-o", r.out)
		Eventually(r.Err, patient).Should(gbytes.Say(`listening on (\S+)\n`))
		r.addr = string(listening.FindSubmatch(r.Err.Contents())[1])
		s := start(nil, "chain", "send", "-N", r.addr, "-i", c.image)
		exits(s, 0)
		c.whole(r)

		GinkgoT().Setenv("KADEPLOY_CHAIN_KEY_FILE", c.key+"s")
		s = start(nil, "chain", "send", "-N", r.addr, "-i", c.image)
		exits(s, 64)
		Expect(oneLine(s)).To(ContainSubstring("key file " + c.key + "s: no such file or directory"))
	})

	It("warns of a key that others may read, and uses it", func() {
		c := newCast(1)
		Expect(os.Chmod(c.key, 0o644)).To(Succeed())
		r := c.receive()
		Expect(r.Err).NotTo(gbytes.Say("refused"))
		Expect(text(r.Err)).To(ContainSubstring("warning: others than its owner may use the key file " + c.key))
		exits(c.send(), 0)
	})
})

package main_test

import (
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
)

var _ = Describe("kadeploy-agent chain, when an output fails,", func() {
	const size = 16 * mib

	DescribeTable("tells why, and brings the data to all others", func(want string, output ...string) {
		c := newCast(size)
		first := c.receive()
		bad := c.receive(output...)
		last := c.receive()
		s := c.send()
		exits(s, 2)
		c.whole(first, last)
		exits(bad.Session, 1)
		Expect(oneLine(bad.Session)).To(ContainSubstring(want))
		Expect(text(s.Out)).To(MatchRegexp(bad.addr + ` +KO .*` + want))
		Expect(bad.files()).To(BeEmpty())
	},
		Entry("a full device", "no space left on device", "-o", "/dev/full"),
		Entry("a command that ends badly", "command: exit status 3", "-O", "cat >/dev/null; exit 3"),
		Entry("a command that ends badly at once", "command: exit status 4", "-O", "exit 4"),
		Entry("a command that is not there", "command: exit status 127", "-O", "exec 2>/dev/null; no-such-command"),
	)

	It("tells why when it is a file and the disk is full, and takes it away", func() {
		c := newCast(size)
		disk := GinkgoT().TempDir()
		own := "-m" // a mount that nobody else sees; an ordinary user needs a user namespace for it
		if os.Geteuid() != 0 {
			own = "-Urm"
		}
		bad := &receiver{addr: "127.0.0.1:" + strconv.Itoa(freePort())}
		bad.Session = startProgram(nil, "unshare", own, "/bin/sh", "-c",
			`mount -t tmpfs -o size=4m none "$1"; "$2" chain receive -k "$3" -l "$4" -o "$1/out"; code=$?; ls "$1"; exit $code`,
			"sh", disk, program, c.key, bad.addr)
		Eventually(bad.Err, patient).Should(gbytes.Say("listening on"))
		c.receivers = []*receiver{bad}
		good := c.receive()
		exits(c.send(), 2)
		c.whole(good)
		exits(bad.Session, 1)
		Expect(oneLine(bad.Session)).To(ContainSubstring("no space left on device"))
		Expect(text(bad.Out)).To(BeEmpty())
	})

	It("shows the last line of the command's standard error", func() {
		c := newCast(1)
		r := c.receive("-O", "cat >/dev/null; echo the tape is torn >&2; exit 1")
		s := c.send()
		exits(s, 1)
		exits(r.Session, 1)
		Expect(text(r.Err)).To(ContainSubstring("the tape is torn\n"))
		Expect(text(s.Out)).To(ContainSubstring("command: exit status 1: the tape is torn"))
	})

	It("goes on without a reader of its standard output that leaves", func() {
		c := newCast(size)
		reader, writer, err := os.Pipe()
		Expect(err).NotTo(HaveOccurred())
		defer reader.Close()
		quitter := &receiver{addr: "127.0.0.1:" + strconv.Itoa(freePort())}
		cmd := exec.Command(program, "chain", "receive", "-k", c.key, "-l", quitter.addr, "-o", "-")
		stderr := gbytes.NewBuffer()
		cmd.Stdout, cmd.Stderr = writer, io.MultiWriter(stderr, GinkgoWriter)
		Expect(cmd.Start()).To(Succeed())
		DeferCleanup(func() { _ = cmd.Process.Kill() })
		writer.Close()
		Eventually(stderr, patient).Should(gbytes.Say("listening on"))
		c.receivers = []*receiver{quitter}
		good := c.receive()
		s := c.send()
		Expect(reader.Read(make([]byte, 1))).To(Equal(1))
		reader.Close()
		exits(s, 2)
		c.whole(good)
		Expect(text(s.Out)).To(MatchRegexp(quitter.addr + ` +KO .*broken pipe`))
		_ = cmd.Wait()
		Expect(cmd.ProcessState.ExitCode()).To(Equal(1))
	})

	It("takes the command with a receiver that is killed", func() {
		c := newCast(size)
		r := c.receive("-O", "echo $$ > OUT.pid; cat > /dev/null; sleep 1000; touch OUT.verdict")
		stdin, feed := pipe()
		s := c.sendStream(stdin, "-i", "-")
		Expect(feed.Write(c.content)).To(Equal(size))
		var pid string
		Eventually(func() string {
			text, _ := os.ReadFile(r.out + ".pid")
			pid = strings.TrimSpace(string(text))
			return pid
		}, patient).ShouldNot(BeEmpty())
		r.Kill()
		Eventually(func() bool {
			stat, err := os.ReadFile("/proc/" + pid + "/stat")
			return err != nil || strings.Contains(string(stat), ") Z ")
		}, patient).Should(BeTrue())
		feed.Close()
		exits(s, 1)
		Expect(r.files()).To(Equal([]string{"out.pid"}))
	})
})

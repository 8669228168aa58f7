//go:build netns

package netlab_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/netlab"
)

const mbit = 1_000_000

var _ = Describe("A lab", func() {
	It("has hosts that reach one another, and shows nothing of them to the caller's namespace", func() {
		before, err := net.Interfaces()
		Expect(err).NotTo(HaveOccurred())
		lab := open(netlab.Config{Hosts: []string{"a", "b", "c"}})
		for i, h := range lab.Hosts {
			c := send(h, lab.Hosts[(i+1)%3], 1<<20)
			c.wait()
			Expect(c.size()).To(BeEquivalentTo(1 << 20))
		}
		Expect(net.Interfaces()).To(Equal(before))
	})

	It("runs the program itself, so that signals reach it, and says when there is none", func() {
		host := open(netlab.Config{Hosts: []string{"a"}}).Host("a")
		sleeper := host.Command(context.Background(), "sleep", "600")
		Expect(sleeper.Start()).To(Succeed())
		comm := fmt.Sprintf("/proc/%d/comm", sleeper.Process.Pid)
		Eventually(func() ([]byte, error) { return os.ReadFile(comm) }).Should(Equal([]byte("sleep\n")))
		Expect(sleeper.Process.Signal(syscall.SIGTERM)).To(Succeed())
		Expect(sleeper.Wait()).To(MatchError("signal: terminated"))
		Expect(host.Command(context.Background(), "no-such-program").Run()).To(MatchError(ContainSubstring("not found in $PATH")))
	})

	DescribeTable("lets TCP have 97 % of a link's limit, and no more than the limit", func(rate, size int64) {
		lab := open(netlab.Config{Hosts: []string{"a", "b"}, Rate: rate})
		share := func() float64 {
			took := send(lab.Host("a"), lab.Host("b"), size).wait()
			share := float64(8*size) / took.Seconds() / float64(rate)
			Expect(share).To(BeNumerically("<", 1.01))
			return share
		}
		Eventually(share, "40s").Should(BeNumerically(">=", 0.97), "in some try: the machine may be busy")
	},
		Entry("20 Mbit/s", int64(20*mbit), int64(10<<20)),
		Entry("200 Mbit/s", int64(200*mbit), int64(100<<20)),
	)

	It("changes a limit while data flows", func() {
		lab := open(netlab.Config{Hosts: []string{"a", "b"}, Rate: 10 * mbit})
		c := send(lab.Host("a"), lab.Host("b"), 64<<20) // for 54 seconds
		Eventually(c.size).Should(BeNumerically(">", 0))
		for _, h := range lab.Hosts {
			Expect(h.Limit(0)).To(Succeed())
		}
		Expect(c.wait()).To(BeNumerically("<", 20*time.Second))
	})

	It("limits each host in both directions", func() {
		lab := open(netlab.Config{Hosts: []string{"a", "b"}})
		Expect(lab.Host("b").Limit(20 * mbit)).To(Succeed())
		const size = 5 << 20 // 2.1 seconds
		Expect(send(lab.Host("a"), lab.Host("b"), size).wait()).To(BeNumerically(">", 2*time.Second))
		Expect(send(lab.Host("b"), lab.Host("a"), size).wait()).To(BeNumerically(">", 2*time.Second))
		Expect(lab.Host("b").Limit(-1)).To(MatchError("limit host b to -1 bit/s: want a rate above 0, or 0 for no limit"))
	})

	It("cuts a host off without a word to its connections, and heals", func() {
		lab := open(netlab.Config{Hosts: []string{"a", "b"}, Rate: 50 * mbit})
		c := send(lab.Host("a"), lab.Host("b"), 20<<20)
		Eventually(c.size).Should(BeNumerically(">", 1<<20))
		Expect(lab.Host("b").Cut()).To(Succeed())
		before := c.size()
		Consistently(c.size).WithTimeout(500*time.Millisecond).Should(BeNumerically("<", before+1<<20), "what was in the sockets' buffers")
		Expect(lab.Host("b").Heal()).To(Succeed())
		c.wait()
		Expect(c.size()).To(BeEquivalentTo(20 << 20))
	})

	It("is gone when it is closed, with all that ran in it", func() {
		lab := open(netlab.Config{Hosts: []string{"a", "b"}})
		other := open(netlab.Config{Hosts: []string{"a"}})
		Expect(namespacesOf(os.Getpid())).To(HaveLen(5))
		sleeper := lab.Host("a").Command(context.Background(), "sleep", "600")
		Expect(sleeper.Start()).To(Succeed())
		Expect(lab.Close()).To(Succeed())
		Expect(sleeper.Wait()).To(MatchError("signal: killed"))
		Expect(namespacesOf(os.Getpid())).To(HaveLen(2), "those of the other lab")
		Expect(lab.Close()).To(Succeed())
		Expect(other.Close()).To(Succeed())
		Expect(namespacesOf(os.Getpid())).To(BeEmpty())
	})

	It("is removed by the next one once its process is dead, and not before", func() {
		earlier, out := process("hold")
		Expect(earlier.Start()).To(Succeed())
		line, err := bufio.NewReader(out).ReadString('\n')
		Expect(err).NotTo(HaveOccurred())
		sleeper, err := strconv.Atoi(strings.TrimSpace(line))
		Expect(err).NotTo(HaveOccurred(), line)

		open(netlab.Config{})
		Expect(namespacesOf(earlier.Process.Pid)).To(HaveLen(2))
		Expect(syscall.Kill(sleeper, 0)).To(Succeed())

		Expect(earlier.Process.Kill()).To(Succeed())
		Expect(earlier.Wait()).To(MatchError("signal: killed"))
		open(netlab.Config{})
		Expect(namespacesOf(earlier.Process.Pid)).To(BeEmpty())
		Expect(fmt.Sprintf("/proc/%d/ns/net", sleeper)).NotTo(BeAnExistingFile())
	})
})

var _ = Describe("Where no lab can be", func() {
	check := func(role string, env ...string) string {
		cmd, out := process(role)
		cmd.Env = append(cmd.Env, env...)
		Expect(cmd.Start()).To(Succeed())
		said, err := io.ReadAll(out)
		Expect(err).NotTo(HaveOccurred())
		Expect(cmd.Wait()).To(Succeed())
		return string(said)
	}

	It("says that it needs root", func() {
		Expect(check("check as nobody")).To(Equal("network namespaces need root: run this as root\n"))
	})

	It("names the package of a missing tool", func() {
		Expect(check("check", "PATH=/nowhere")).To(Equal("ip is not installed: install the Debian package iproute2\n"))
	})
})

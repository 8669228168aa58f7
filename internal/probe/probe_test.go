package probe_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/probe"
)

// port is a TCP port of the node that behaves in one way for the length of a spec.
type port func(addr netip.Addr) int

func open(addr netip.Addr) int {
	l, err := net.Listen("tcp", netip.AddrPortFrom(addr, 0).String())
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(l.Close)
	return l.Addr().(*net.TCPAddr).Port
}

// closed holds the number without listening, so that nobody else takes it.
func closed(addr netip.Addr) int {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(syscall.Close, fd)
	Expect(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: addr.As4()})).To(Succeed())
	name, err := syscall.Getsockname(fd)
	Expect(err).NotTo(HaveOccurred())
	return name.(*syscall.SockaddrInet4).Port
}

// mute accepts nothing and refuses nothing: its queue of connections is full.
func mute(addr netip.Addr) int {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(syscall.Close, fd)
	Expect(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: addr.As4()})).To(Succeed())
	Expect(syscall.Listen(fd, 0)).To(Succeed())
	name, err := syscall.Getsockname(fd)
	Expect(err).NotTo(HaveOccurred())
	number := name.(*syscall.SockaddrInet4).Port
	for range 10 {
		conn, err := net.DialTimeout("tcp", fmt.Sprintf("%v:%d", addr, number), 100*time.Millisecond)
		if os.IsTimeout(err) {
			return number
		}
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(conn.Close)
	}
	Fail("the queue does not fill")
	return 0
}

var _ = Describe("One look at a node", func() {
	addr := netip.MustParseAddr("127.77.3.1")

	DescribeTable("finds the user's system when ssh accepts and the marker refuses, and says why not",
		func(ssh, marker port, want bool, reason string) {
			s, m := ssh(addr), marker(addr)
			ok, why := probe.UserSystem(context.Background(), addr, s, m)
			Expect(ok).To(Equal(want))
			Expect(why).To(Equal(os.Expand(reason, numbers(s, m))))
		},
		Entry("user's system", port(open), port(closed), true, ""),
		Entry("deployment system", port(open), port(open), false, "still in the deployment system: marker port $marker accepts"),
		Entry("nothing", port(closed), port(closed), false, "ssh port $ssh refused, marker port $marker refused"),
		Entry("a marker that does not answer is no refusal", port(open), port(mute), false, "ssh port $ssh accepts, marker port $marker does not answer"),
	)

	It("gives up on ports that do not answer", func() {
		s, m := mute(addr), mute(addr)
		start := time.Now()
		ok, why := probe.UserSystem(context.Background(), addr, s, m)
		Expect(ok).To(BeFalse())
		Expect(why).To(Equal(fmt.Sprintf("ssh port %d does not answer, marker port %d does not answer", s, m)))
		Expect(time.Since(start)).To(BeNumerically("<", 20*time.Second), "the kernel would try for two minutes")
	})

	It("ends with its context", func() {
		s, m := mute(addr), mute(addr)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		ok, _ := probe.UserSystem(ctx, addr, s, m)
		Expect(ok).To(BeFalse())
	})
})

func numbers(ssh, marker int) func(string) string {
	return func(name string) string {
		return fmt.Sprint(map[string]int{"ssh": ssh, "marker": marker}[name])
	}
}

var _ = DescribeTable("Marker tells an agent, a node without one, and silence apart", func(behave port, accepted, refused bool) {
	addr := netip.MustParseAddr("127.77.3.1")
	a, r := probe.Marker(context.Background(), addr, behave(addr))
	Expect([]bool{a, r}).To(Equal([]bool{accepted, refused}))
},
	Entry("an agent", port(open), true, false),
	Entry("a node without one", port(closed), false, true),
	Entry("silence", port(mute), false, false),
)

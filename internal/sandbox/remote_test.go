package sandbox_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"

	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/sandbox"
)

var _ = Describe("The machines of another process", func() {
	var (
		s      *site
		n      sandbox.Node
		rack   *sandbox.Rack
		leave  func() // ends the service
		remote *sandbox.Remote
	)
	BeforeEach(func() {
		s, n = newSite(), node(1)
		rack = s.rack(n)
		ctx, cancel := context.WithCancel(context.Background())
		listener := must(rack.Listen())
		over := make(chan error, 1)
		go func() { over <- rack.Serve(ctx, listener) }()
		leave = func() {
			cancel()
			Eventually(over, "10s").Should(Receive(BeNil()))
			over <- nil
		}
		DeferCleanup(func() { leave() })
		remote = must(sandbox.Find(s.disks))
		Expect(remote).NotTo(BeNil())
		DeferCleanup(remote.Close)
	})
	do := func(ctx context.Context, node string, op power.Op, level power.Level) (power.Status, error) {
		return remote.Do(ctx, power.Target{Name: node}, op, level)
	}

	It("are switched on and off as one's own, with the same answers", func() {
		ctx := context.Background()
		Expect(do(ctx, n.Name, power.OpStatus, "")).To(Equal(power.Off))
		Expect(do(ctx, n.Name, power.OpOn, power.Soft)).To(Equal(power.On))
		Expect(status(rack, n)).To(Equal(power.On))
		Expect(do(ctx, n.Name, power.OpOff, power.Hard)).To(Equal(power.Off))
		_, err := do(ctx, n.Name, power.OpReboot, power.Soft)
		Expect(err).To(MatchError("sandbox power of node-1: node does not answer: no operating system is up"))
		_, err = do(ctx, "stranger", power.OpOn, power.Hard)
		Expect(err).To(MatchError(HavePrefix(`there is no machine "stranger"`)))
	})

	It("show their consoles, to the end of who looks", func() {
		must(do(context.Background(), n.Name, power.OpOn, power.Soft))
		Eventually(screen(rack, n), "10s").Should(ContainSubstring("no boot profile"))
		Expect(remote.Console(n.Name)).To(Equal(rack.Console(n.Name)))
		Expect(remote.Console("stranger")).To(BeEmpty())

		ctx, cancel := context.WithCancel(context.Background())
		seen, over := gbytes.NewBuffer(), make(chan error, 1)
		go func() { over <- remote.Follow(ctx, n.Name, seen) }()
		Eventually(seen, "10s").Should(gbytes.Say("no boot profile"))
		must(do(ctx, n.Name, power.OpOff, power.Hard))
		Eventually(seen, "10s").Should(gbytes.Say("power off"))
		cancel()
		Eventually(over, "10s").Should(Receive(BeNil()))
		Expect(remote.Follow(context.Background(), "stranger", io.Discard)).To(MatchError(HavePrefix(`there is no machine "stranger"`)))
	})

	It("are found again after who used them has gone, and stay on meanwhile", func() {
		must(do(context.Background(), n.Name, power.OpOn, power.Soft))
		remote.Close()
		remote = must(sandbox.Find(s.disks))
		Expect(do(context.Background(), n.Name, power.OpStatus, "")).To(Equal(power.On))
	})

	It("are an owner's alone", func() {
		info := must(os.Stat(filepath.Join(s.disks, ".socket")))
		Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o600)))
	})

	It("end an order with the patience of who gave it", func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := do(ctx, n.Name, power.OpOn, power.Hard)
		Expect(err).To(MatchError(context.Canceled))
	})

	It("are not there any more when their process has ended, which an order says in one line", func() {
		leave()
		_, err := do(context.Background(), n.Name, power.OpOn, power.Hard)
		Expect(err).To(MatchError(HavePrefix("the process of the sandbox machines does not answer: start it again (kadeploy-server sandbox)")))
		Expect(remote.Console(n.Name)).To(ConsistOf(ContainSubstring("does not answer")))
		Expect(sandbox.Find(s.disks)).To(BeNil())
	})

	DescribeTable("take no order that is", func(text string) {
		conn := must(net.Dial("unix", filepath.Join(s.disks, ".socket")))
		defer conn.Close()
		must(fmt.Fprintf(conn, "POST /power HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(text), text))
		Expect(io.ReadAll(conn)).To(HavePrefix("HTTP/1.1 400 "))
		Expect(status(rack, n)).To(Equal(power.Off))
	},
		Entry("none", "reset"),
		Entry("too long", `{"Op":"on","Level":"hard","Node":"node-1"`+strings.Repeat(" ", 5000)+"}"),
	)
})

var _ = Describe("A socket that a killed process left", func() {
	It("leads to nobody, and is replaced", func() {
		s := newSite()
		dead := must(net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(s.disks, ".socket")}))
		dead.SetUnlinkOnClose(false)
		Expect(dead.Close()).To(Succeed())
		Expect(sandbox.Find(s.disks)).To(BeNil())
		listener := must(s.rack(node(1)).Listen())
		DeferCleanup(listener.Close)
		Expect(sandbox.Find(s.disks)).NotTo(BeNil())
	})
})

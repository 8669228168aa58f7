//go:build qemu

package deploysystem_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
)

var _ = Describe("a machine booted with the deployment system", func() {
	var at *site

	BeforeEach(func() { at = newSite() })

	calls := func(g *guest) *agentlink.Session {
		GinkgoHelper()
		var session *agentlink.Session
		Eventually(at.joined, slow).Should(Receive(&session))
		AddReportEntry("from power on to Hello", time.Since(g.started).Round(time.Millisecond).String())
		return session
	}
	do := func(session *agentlink.Session, o *agentpb.Order) {
		GinkgoHelper()
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		defer cancel()
		result, err := session.Do(ctx, o, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(result.Ok).To(BeTrue(), result.Error)
	}
	reboots := func(g *guest, session *agentlink.Session) {
		GinkgoHelper()
		do(session, &agentpb.Order{Step: "reboot", Kind: &agentpb.Order_Reboot{Reboot: &agentpb.Reboot{}}})
		Eventually(g.Session, slow).Should(gexec.Exit(0))
		Eventually(at.left, slow).Should(Receive(BeNil()))
		Expect(g.said()).To(ContainSubstring("kadeploy: a reboot was ordered\n"))
		Expect(g.said()).NotTo(ContainSubstring("Kernel panic"))
		Expect(g.said()).NotTo(ContainSubstring(token))
	}

	It("calls the server, obeys it, and reboots when it is told to", func() {
		g := boot(at.words(), card("virtio-net-pci", "net0")...)
		session := calls(g)
		do(session, &agentpb.Order{Step: "sync", Kind: &agentpb.Order_Sync{Sync: &agentpb.Sync{}}})
		reboots(g, session)
	})

	It("takes the card that leads to the server, and not the first that has an address", func() {
		dead := []string{"-netdev", "user,id=dead,net=10.9.0.0/24,restrict=on", "-device", "virtio-net-pci,netdev=dead,addr=4"}
		g := boot(at.words(), slices.Concat(dead, []string{"-netdev", "user,id=net0", "-device", "virtio-net-pci,netdev=net0,addr=5"})...)
		session := calls(g)
		Expect(g.said()).To(And(ContainSubstring("10.9.0.15/24"), ContainSubstring("address 10.0.2.15 leads to the server")))
		reboots(g, session)
	})

	It("waits for a server that comes later", func() {
		listen := at.server.Addr().String()
		at.server.Close()
		g := boot(at.words(), card("virtio-net-pci", "net0")...)
		Eventually(g.said, slow).Should(ContainSubstring("the server does not answer yet"))
		at.listen(listen)
		reboots(g, calls(g))
	})

	It("calls again, and does not boot again, when the server died and is back", func() {
		g := boot(at.words(), card("virtio-net-pci", "net0")...)
		before, listen := calls(g), at.server.Addr().String()
		at.server.Close()
		Expect(at.left).To(Receive(MatchError(agentlink.ErrAway)))
		at.listen(listen)
		after := calls(g)
		Expect(after.Certificate()).To(Equal(before.Certificate()))
		reboots(g, after)
	})

	It("answers on the ssh port and on the marker port, as the deployment system of Kadeploy3", func() {
		ssh, marker := freePort(), freePort()
		g := boot(at.words(), "-netdev", "user,id=net0,hostfwd=tcp:127.0.0.1:"+ssh+"-:22,hostfwd=tcp:127.0.0.1:"+marker+"-:25300", "-device", "virtio-net-pci,netdev=net0")
		session := calls(g)
		Eventually(banner, slow).WithArguments(ssh).Should(HavePrefix("SSH-2.0-"))
		conn, err := net.Dial("tcp", "127.0.0.1:"+marker)
		Expect(err).NotTo(HaveOccurred())
		conn.Close()
		reboots(g, session)
	})

	It("says that the server is lost, and stays to be looked at, with its ports open", func() {
		ssh, marker := freePort(), freePort()
		g := boot(at.words(), "-netdev", "user,id=net0,hostfwd=tcp:127.0.0.1:"+ssh+"-:22,hostfwd=tcp:127.0.0.1:"+marker+"-:25300", "-device", "virtio-net-pci,netdev=net0")
		calls(g).Close()
		Eventually(g.said, slow).Should(ContainSubstring("the agent has ended; the machine stays as it is"))
		Consistently(g.Session.Exited, "5s").ShouldNot(BeClosed())
		Expect(banner(ssh)).To(HavePrefix("SSH-2.0-"))
		conn, err := net.DialTimeout("tcp", "127.0.0.1:"+marker, 5*time.Second)
		Expect(err).NotTo(HaveOccurred())
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, err = conn.Read(make([]byte, 1))
		Expect(err).To(Equal(io.EOF), "the agent hangs up; a port that nobody listens on behind the forwarding would be reset")
		conn.Close()
	})

	It("says what is missing on its command line", func() {
		g := boot("kadeploy.node=node-1", card("virtio-net-pci", "net0")...)
		Eventually(g.said, slow).Should(ContainSubstring(`kadeploy: kernel command line: kadeploy.server="": want IP:PORT`))
	})

	It("gives a shell on the console when it is asked to, and another when that ends", func() {
		g := boot("kadeploy.shell=1 kadeploy.drivers=loop,no-such-driver", "-nic", "none")
		Eventually(g.said, slow).Should(ContainSubstring("the machine stays as it is"))
		Expect(g.said()).To(ContainSubstring("kadeploy.drivers: no-such-driver: no such module in the deployment system"))
		keyboard := g.keyboard()
		fmt.Fprintln(keyboard, "grep -c ^loop /proc/modules; mkfs.ext4 -V; mount -t xfs none /mnt; grep -c ^xfs /proc/modules")
		Eventually(g.said, slow).Should(MatchRegexp(`(?s)\n1\n.*mke2fs .*\n1\n`))
		fmt.Fprintln(keyboard, "exit")
		Eventually(func() int { return strings.Count(g.said(), "built-in shell") }, slow).Should(Equal(2))
		fmt.Fprintln(keyboard, "echo $((6*7)) again; reboot")
		Eventually(g.said, slow).Should(ContainSubstring("42 again"))
		Eventually(g.Session, slow).Should(gexec.Exit(0))
	})
})

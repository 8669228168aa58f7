package sandbox_test

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/pxe"
)

var _ = Describe("The firmware", func() {
	var s *site
	BeforeEach(func() { s = newSite() })

	DescribeTable("finds its profile under the names that PXELINUX asks for, the most exact first",
		func(names []string, used string) {
			n := node(18)
			n.MAC = net.HardwareAddr{0xaa, 0xbb, 0xcc, 0, 0x11, 0x22}
			n.ProfileName = "node-18.lab"
			for _, name := range names {
				s.bootsDeployment(name, "name="+name)
			}
			r := s.rack(n)
			Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
			s.pid(n, "agent")
			Expect(os.ReadFile(filepath.Join(s.disks, n.Name, "cmdline"))).To(BeEquivalentTo("name=" + used))
			Expect(screen(r, n)()).To(ContainSubstring("firmware: boot profile pxelinux.cfg/" + used))
		},
		Entry("the name that DHCP gives", []string{"default", "node-18.lab", "01-aa-bb-cc-00-11-22"}, "node-18.lab"),
		Entry("its hardware address", []string{"default", "7F4D0412", "01-aa-bb-cc-00-11-22"}, "01-aa-bb-cc-00-11-22"),
		Entry("its address", []string{"default", "7F4D0412", "7F4D"}, "7F4D0412"),
		Entry("a network's", []string{"default", "7F4D", "7F"}, "7F4D"),
		Entry("everybody's", []string{"default"}, "default"),
	)

	DescribeTable("hangs, and says why on the console,",
		func(prepare func(name string), why string) {
			n := node(1)
			prepare(hex(n))
			r := s.rack(n)
			Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
			Eventually(lastLine(r, n)).Should(
				And(HavePrefix("firmware: "), ContainSubstring(why)))
			Expect(status(r, n)).To(Equal(power.On))
		},
		Entry("without a profile", func(string) {}, "no boot profile in pxelinux.cfg for 127.77.4.1 (asked for 7F4D0401 7F4D040"),
		Entry("with a profile that is none", func(name string) { s.file("pxelinux.cfg/"+name, []byte("LABEL x\n")) }, "no DEFAULT"),
		Entry("with a profile larger than one can be", func(name string) {
			s.file("pxelinux.cfg/"+name, []byte(strings.Repeat("# nothing\n", 10_000)))
		}, "larger than the limit"),
		Entry("without the kernel", func(name string) { s.boots(name, pxe.Deployment("boot/gone", nil, "")) }, "boot/gone"),
		Entry("without the initrd", func(name string) {
			s.boots(name, pxe.Deployment("boot/deploy-vmlinuz", []string{"boot/gone"}, ""))
		}, "boot/gone"),
	)

	It("reads its profile anew at each boot", func() {
		n := node(1)
		r := s.rack(n)
		Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
		Eventually(screen(r, n)).Should(ContainSubstring("no boot profile"))
		s.bootsDeployment(hex(n), "")
		Expect(do(r, n, power.OpReboot, power.Hard)).To(Succeed())
		s.pid(n, "agent")
	})

	It("can be switched off while the server does not answer", func() {
		mute, err := net.ListenPacket("udp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(mute.Close)
		n := node(1)
		cfg := s.config(n)
		cfg.TFTP = netip.MustParseAddrPort(mute.LocalAddr().String())
		r := must(newRack(cfg))
		Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
		Expect(mute.SetReadDeadline(time.Now().Add(20 * time.Second))).To(Succeed())
		_, from, err := mute.ReadFrom(make([]byte, 1500))
		Expect(err).NotTo(HaveOccurred())
		Expect(from.String()).To(HavePrefix("127.77.4.1:"), "a firmware asks from its own address")

		start := time.Now()
		Expect(do(r, n, power.OpOff, power.Hard)).To(Succeed())
		Expect(time.Since(start)).To(BeNumerically("<", 5*time.Second), "it would give up by itself after 6 s")
	})

	It("takes the boot delay, a quarter less at the least", func() {
		n := node(1)
		n.BootDelay = 200 * time.Millisecond
		r := s.rack(n)
		start := time.Now()
		Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
		Eventually(screen(r, n)).Should(ContainSubstring("no boot profile"))
		Expect(time.Since(start)).To(BeNumerically(">=", 150*time.Millisecond))
	})
})

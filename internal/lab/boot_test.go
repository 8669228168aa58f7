//go:build lab

package lab_test

import (
	"context"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"

	"github.com/kadeploy/kadeploy/internal/lab"
	"github.com/kadeploy/kadeploy/internal/lab/labimage"
)

// patience is ten times what a boot takes on a quiet machine.
const patience = 2 * time.Minute

func open(cfg lab.Config) *lab.Lab {
	GinkgoHelper()
	l, err := lab.New(cfg)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(l.Close)
	return l
}

// site serves the tiny kernel and initrd and the loaders from the server's namespace, by programs that are not ours.
func site(l *lab.Lab) string {
	GinkgoHelper()
	k, err := lab.HostKernel()
	Expect(err).NotTo(HaveOccurred())
	initrd, err := labimage.Initrd(k)
	Expect(err).NotTo(HaveOccurred())
	root := filepath.Join(l.Dir, "site")
	Expect(os.MkdirAll(filepath.Join(root, "pxelinux.cfg"), 0o755)).To(Succeed())
	for name, from := range map[string]string{
		"vmlinuz": k.Image, "initrd": initrd, "snponly.efi": "/usr/lib/ipxe/snponly.efi",
		"pxelinux.0": "/usr/lib/PXELINUX/pxelinux.0", "ldlinux.c32": "/usr/lib/syslinux/modules/bios/ldlinux.c32",
	} {
		content, err := os.ReadFile(from)
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(filepath.Join(root, name), content, 0o644)).To(Succeed())
	}
	write(root, "boot.ipxe", "#!ipxe\n:again\nkernel http://10.83.0.1/vmlinuz console=ttyS0 panic=10 word=ipxe initrd=initrd || goto again\n"+
		"initrd http://10.83.0.1/initrd || goto again\nboot || goto again\n")
	write(root, "pxelinux.cfg/default", "DEFAULT a\nLABEL a\nKERNEL vmlinuz\nAPPEND initrd=initrd console=ttyS0 panic=10 word=pxelinux\n")
	for _, line := range [][]string{
		{"busybox", "httpd", "-f", "-p", "80", "-h", root},
		{"dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--pid-file=", "--user=root", "--port=0", "--enable-tftp", "--tftp-root=" + root, "--log-facility=" + filepath.Join(l.Dir, "tftp.log")},
	} {
		Expect(l.OnServer(context.Background(), line[0], line[1:]...).Start()).To(Succeed())
	}
	return root
}

func write(dir, name, text string) {
	GinkgoHelper()
	Expect(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)).To(Succeed())
}

// ipmitool is a client of IPMI that we did not write. Without -C it asks for cipher suites first, which ipmi_sim does not answer.
func ipmitool(l *lab.Lab, m *lab.Machine, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	line := append([]string{"-I", "lanplus", "-C", "3", "-H", m.BMC.String(), "-U", lab.BMCUser, "-P", lab.BMCPassword}, args...)
	out, err := l.OnServer(ctx, "ipmitool", line...).CombinedOutput()
	return string(out), err
}

func curl(l *lab.Lab, m *lab.Machine, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	path := args[len(args)-1]
	line := append([]string{"-sS", "--fail-with-body", "--cacert", l.RedfishCA(), "-u", lab.BMCUser + ":" + lab.BMCPassword}, args[:len(args)-1]...)
	out, err := l.OnServer(ctx, "curl", append(line, "https://"+m.BMC.String()+"/redfish/v1"+path)...).CombinedOutput()
	return string(out), err
}

func expectUp(m *lab.Machine, mark lab.Mark, pattern string) {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := m.Serial.Wait(ctx, mark, pattern)
	Expect(err).NotTo(HaveOccurred())
}

var _ = Describe("A machine of the lab", func() {
	DescribeTable("boots from the network when its BMC is told to switch it on", func(cfg lab.MachineConfig, d lab.DHCP, word string) {
		l := open(lab.Config{Machines: []lab.MachineConfig{cfg}})
		site(l)
		Expect(l.StartDHCP(d)).To(Succeed())
		m := l.Machines[0]
		start := time.Now()
		Expect(ipmitool(l, m, "chassis", "power", "on")).To(ContainSubstring("Up/On"))
		expectUp(m, 0, `LAB-SYSTEM image=initrd root=\S* addr=10\.83\.1\.1 cmdline=\[.*word=`+word)
		AddReportEntry("time to the marker", time.Since(start).String())
		Expect(l.DHCPLog()).To(ContainSubstring("DHCPACK(br0) 10.83.1.1 " + m.MAC))
		Expect(m.ChassisLog()).To(MatchRegexp(`(?m)^\S+ ipmi on: ok$`))
	},
		Entry("BIOS, iPXE in the card, HTTP", lab.MachineConfig{}, lab.DHCP{IPXE: "http://10.83.0.1/boot.ipxe"}, "ipxe"),
		Entry("BIOS, PXELINUX, TFTP", lab.MachineConfig{Bus: lab.NVMe}, lab.DHCP{IPXE: "pxelinux.0"}, "pxelinux"),
		Entry("UEFI, iPXE in the card, HTTP", lab.MachineConfig{Firmware: lab.UEFI, Bus: lab.SCSI}, lab.DHCP{IPXE: "http://10.83.0.1/boot.ipxe"}, "ipxe"),
		Entry("UEFI, the firmware's PXE, snponly.efi, HTTP", lab.MachineConfig{Firmware: lab.UEFI, PlainPXE: true},
			lab.DHCP{UEFI: "snponly.efi", IPXE: "http://10.83.0.1/boot.ipxe"}, "ipxe"),
	)

	It("answers at the port of ssh from the server's namespace, and says what it is", func() {
		l := open(lab.Config{Machines: []lab.MachineConfig{{}}})
		site(l)
		Expect(l.StartDHCP(lab.DHCP{IPXE: "http://10.83.0.1/boot.ipxe"})).To(Succeed())
		Expect(l.Machines[0].On()).To(Succeed())
		expectUp(l.Machines[0], 0, "LAB-SYSTEM")
		out, err := l.OnServer(context.Background(), "socat", "-u", "TCP:10.83.1.1:22,connect-timeout=5", "STDOUT").Output()
		Expect(err).NotTo(HaveOccurred())
		Expect(string(out)).To(Equal("SSH-2.0-lab_initrd\r\n"))
	})

	It("does what IPMI and Redfish tell it, and its console says so", func() {
		l := open(lab.Config{Machines: []lab.MachineConfig{{}}})
		site(l)
		Expect(l.StartDHCP(lab.DHCP{IPXE: "http://10.83.0.1/boot.ipxe"})).To(Succeed())
		m := l.Machines[0]
		Expect(curl(l, m, "/Systems/1")).To(ContainSubstring(`"PowerState":"Off"`))
		Expect(curl(l, m, "--json", `{"ResetType":"On"}`, "/Systems/1/Actions/ComputerSystem.Reset")).To(BeEmpty())
		Expect(ipmitool(l, m, "chassis", "power", "status")).To(ContainSubstring("Chassis Power is on"))
		expectUp(m, 0, "LAB-SYSTEM")

		mark := m.Serial.Mark()
		Expect(ipmitool(l, m, "chassis", "power", "reset")).To(ContainSubstring("Reset"))
		expectUp(m, mark, `(?s)iPXE.*LAB-SYSTEM`)

		Expect(ipmitool(l, m, "chassis", "power", "off")).To(ContainSubstring("Down/Off"))
		Eventually(m.Powered).Should(BeFalse())
		Expect(curl(l, m, "/Systems/1")).To(ContainSubstring(`"PowerState":"Off"`))
	})

	It("boots its disk once when it is told to, and the network again afterwards", func() {
		l := open(lab.Config{Machines: []lab.MachineConfig{{}}})
		site(l)
		Expect(l.StartDHCP(lab.DHCP{IPXE: "http://10.83.0.1/boot.ipxe"})).To(Succeed())
		m := l.Machines[0]
		Expect(ipmitool(l, m, "chassis", "bootdev", "disk")).To(ContainSubstring("disk"))
		Expect(curl(l, m, "/Systems/1")).To(ContainSubstring(`"BootSourceOverrideTarget":"Hdd"`))
		Expect(m.On()).To(Succeed())
		expectUp(m, 0, `(?s)Booting from Hard Disk.*not a bootable disk.*iPXE.*LAB-SYSTEM`)
		Expect(curl(l, m, "/Systems/1")).To(ContainSubstring(`"BootSourceOverrideTarget":"None"`))
		mark := m.Serial.Mark()
		Expect(m.Reset()).To(Succeed())
		expectUp(m, mark, "LAB-SYSTEM")
		Expect(m.Serial.Since(mark)).NotTo(ContainSubstring("not a bootable disk"))
	})

	It("has a console over the network, from its first word on, each time it is switched on", func() {
		l := open(lab.Config{Machines: []lab.MachineConfig{{}}})
		site(l)
		Expect(l.StartDHCP(lab.DHCP{IPXE: "http://10.83.0.1/boot.ipxe"})).To(Succeed())
		m := l.Machines[0]
		sol := l.OnServer(context.Background(), "stdbuf", "-o0", "ipmitool", // which keeps its own words back in a pipe
			"-I", "lanplus", "-C", "3", "-H", m.BMC.String(), "-U", lab.BMCUser, "-P", lab.BMCPassword, "sol", "activate")
		shows := gbytes.NewBuffer()
		sol.Stdout, sol.Stderr = shows, shows
		keys, err := sol.StdinPipe()
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(keys.Close)
		Expect(sol.Start()).To(Succeed())
		Eventually(shows, patience).Should(gbytes.Say("SOL Session operational"))
		for range 2 {
			Expect(m.On()).To(Succeed())
			Eventually(shows, patience).Should(gbytes.Say("SeaBIOS"))
			Eventually(shows, patience).Should(gbytes.Say("LAB-SYSTEM"))
			Expect(m.Off()).To(Succeed())
		}
	})
})

var _ = Describe("A BMC of the lab", func() {
	It("can be mute, away, lying and refusing, and well again", func() {
		l := open(lab.Config{Machines: []lab.MachineConfig{{}}})
		m := l.Machines[0]
		Expect(ipmitool(l, m, "chassis", "power", "status")).To(ContainSubstring("is off"))

		Expect(m.SetFault(lab.Lie)).To(Succeed())
		Expect(ipmitool(l, m, "chassis", "power", "on")).To(ContainSubstring("Up/On"))
		Expect(ipmitool(l, m, "chassis", "power", "status")).To(ContainSubstring("is on"))
		Expect(m.Powered()).To(BeFalse())

		Expect(m.SetFault(lab.Refuse)).To(Succeed())
		_, err := ipmitool(l, m, "chassis", "power", "on")
		Expect(err).To(HaveOccurred())
		_, err = curl(l, m, "--json", `{"ResetType":"On"}`, "/Systems/1/Actions/ComputerSystem.Reset")
		Expect(err).To(HaveOccurred())

		for _, f := range []lab.Fault{lab.Mute, lab.Down} {
			Expect(m.SetFault(f)).To(Succeed())
			_, err := ipmitool(l, m, "-N", "1", "-R", "1", "chassis", "power", "status")
			Expect(err).To(HaveOccurred(), string(f))
			_, err = curl(l, m, "-m", "2", "/Systems/1")
			Expect(err).To(HaveOccurred(), string(f))
		}
		Expect(m.SetFault(lab.Healthy)).To(Succeed())
		Eventually(func() (string, error) { return ipmitool(l, m, "chassis", "power", "status") }, "20s").Should(ContainSubstring("is off"))
		Eventually(func() (string, error) { return curl(l, m, "/Systems/1") }, "20s").Should(ContainSubstring("PowerState"))
		Expect(m.ChassisLog()).To(And(ContainSubstring("ipmi on: claimed, not done"), ContainSubstring("redfish on: refused")))
	})

	It("lets nobody in without the password", func() {
		l := open(lab.Config{Machines: []lab.MachineConfig{{}}})
		m := l.Machines[0]
		Eventually(func() (string, error) { return curl(l, m, "/Systems/1") }).Should(ContainSubstring("PowerState"))
		out, err := curl(l, m, "-u", "lab:wrong", "/Systems/1")
		Expect(err).To(HaveOccurred())
		Expect(out).To(ContainSubstring("401"))
	})
})

//go:build e2e

package e2e_test

import (
	"context"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/lab"
	"github.com/kadeploy/kadeploy/internal/lab/labimage"
	"github.com/kadeploy/kadeploy/internal/lab/labsite"
)

// Tables of partitions, in the words of sfdisk: for GRUB on a BIOS machine's disk, in the gap or in a partition of its own, and on that of
// one with UEFI. The image goes to the last one.
const (
	grubBIOS = "label: dos\nstart=2048, size=1G, type=83, bootable\n"
	grubGPT  = "label: gpt\nsize=1M, type=21686148-6449-6E6F-744E-656564454649\nsize=1G\n"
	grubUEFI = "label: gpt\nsize=64M, type=uefi\nsize=1G\n"
)

// byGRUB is the witness of a kernel that GRUB has read from the disk: the word that it adds names the file there.
const byGRUB = `(?s)kadeploy deployment system.*LAB-SYSTEM image=\S+ root=\S+ addr=\S+ cmdline=\[BOOT_IMAGE=/boot/vmlinuz-`

func uefi(n int) (machines []lab.MachineConfig) {
	for range n {
		machines = append(machines, lab.MachineConfig{Firmware: lab.UEFI})
	}
	return machines
}

// kexec has the new system started by the kernel of the deployment system.
var kexec = map[string]string{
	"macrostep": "SetDeploymentEnv|SetDeploymentEnvUntrusted:2:400\nBroadcastEnv|BroadcastEnvChain:2:300\nBootNewEnv|BootNewEnvKexec:1:400",
}

// patient has time for a system of many services, for a large kernel, and for a loader that fetches slowly: GRUB for BIOS waits for each block.
var patient = map[string]string{
	"timeout_reboot": "600",
	"macrostep":      "SetDeploymentEnv|SetDeploymentEnvUntrusted:1:700\nBroadcastEnv|BroadcastEnvChain:1:600\nBootNewEnv|BootNewEnvClassical:1:700",
}

// onDisk has the disk's own loader start the new system.
func onDisk(part string) map[string]string {
	return map[string]string{"bootloader": "chainload_pxe", "partition_creation_kind": "sfdisk", "deploy_part": part}
}

var _ = Describe("A deployment", func() {
	DescribeTable("brings the image onto the disk, and the machine up from there", func(s setup, witness string) {
		w := begin(s)
		env := w.tiny("tiny", nil)
		marks := w.marks()
		w.mustDeploy(env)
		partition := 1
		if s.nodes["deploy_part"] != "" {
			partition, _ = strconv.Atoi(s.nodes["deploy_part"])
		}
		for i, m := range w.Machines {
			expectConsole(m, marks[i], witness)
			expectSystem(m, marks[i], "tiny", m.Device()+"p?[12]", "id=tiny")
			Expect(fileOnDisk(m, partition, "/etc/image")).To(Equal("tiny\n"))
			if s.dhcp == "full" {
				Expect(w.DHCPLog()).To(BeEmpty(), "the site's server does not run")
			} else {
				Expect(w.DHCPLog()).To(ContainSubstring("DHCPACK(br0) " + m.Addr.String() + " " + m.MAC))
			}
			if s.power != "command" {
				Expect(m.ChassisLog()).To(MatchRegexp(`(?m) (ipmi|redfish) (on|reset|cycle): ok$`))
			}
		}
	},
		Entry("BIOS, iPXE, IPMI", Label("short"), setup{}, `(?s)iPXE.*vmlinuz-kadeploy.*iPXE.*LAB-SYSTEM`),
		Entry("two at once", setup{machines: make([]lab.MachineConfig, 2)}, "LAB-SYSTEM"),
		Entry("four at once", Label("nightly"), setup{machines: make([]lab.MachineConfig, 4), nodes: patient}, "LAB-SYSTEM"),
		Entry("BIOS, e1000, SATA, the kernel for hardware", Label("nightly"), setup{
			machines: []lab.MachineConfig{{Card: lab.E1000, Bus: lab.SATA, Memory: 1024}}, kernel: labimage.HardwareKernel, nodes: patient,
		}, `(?s)iPXE.*kadeploy deployment system, kernel \S+-\d+-amd64\n.*LAB-SYSTEM`),
		Entry("UEFI HTTP boot, the server's own DHCP", Label("nightly"),
			setup{dhcp: "full", machines: []lab.MachineConfig{{Firmware: lab.UEFI, HTTPBoot: true}}, nodes: patient}, `(?s)HTTP Boot over IPv4.*snponly\.efi.*kadeploy deployment system.*LAB-SYSTEM`),
		Entry("BIOS, PXELINUX", setup{loader: "pxelinux"}, `(?s)PXELINUX.*kadeploy deployment system.*PXELINUX.*LAB-SYSTEM`),
		Entry("BIOS, GRUB from the network", Label("nightly"), setup{loader: "grub", nodes: patient}, `(?s)kadeploy deployment system.*LAB-SYSTEM`),
		Entry("BIOS, the commands of a site, NVMe", setup{power: "command", machines: []lab.MachineConfig{{Bus: lab.NVMe}}}, "LAB-SYSTEM"),
		Entry("UEFI, iPXE in its card, Redfish, SCSI", Label("short"),
			setup{machines: []lab.MachineConfig{{Firmware: lab.UEFI, Bus: lab.SCSI}}, power: "redfish"}, `(?s)iPXE.*vmlinuz-kadeploy.*LAB-SYSTEM`),
		Entry("UEFI, the firmware's PXE, snponly.efi", setup{machines: []lab.MachineConfig{{Firmware: lab.UEFI, PlainPXE: true}}}, `(?s)snponly\.efi.*LAB-SYSTEM`),
		Entry("UEFI, the firmware's PXE, GRUB", setup{machines: []lab.MachineConfig{{Firmware: lab.UEFI, PlainPXE: true}}, loader: "grub"}, `(?s)grubx64\.efi.*LAB-SYSTEM`),
		Entry("BIOS, GRUB on the disk", setup{nodes: onDisk("1"), partitions: grubBIOS}, byGRUB),
		Entry("BIOS, GRUB on a disk with gpt", setup{nodes: onDisk("2"), partitions: grubGPT}, byGRUB),
		Entry("UEFI, GRUB on the disk", setup{machines: uefi(1), nodes: onDisk("2"), partitions: grubUEFI}, byGRUB),
		Entry("the server's own DHCP, BIOS", setup{dhcp: "full"}, "LAB-SYSTEM"),
		Entry("the server's own DHCP, UEFI without iPXE", setup{dhcp: "full", machines: []lab.MachineConfig{{Firmware: lab.UEFI, PlainPXE: true}}}, "LAB-SYSTEM"),
		Entry("beside a DHCP server that only gives addresses, BIOS", setup{dhcp: "proxy"}, "LAB-SYSTEM"),
		Entry("beside a DHCP server that only gives addresses, UEFI without iPXE",
			setup{dhcp: "proxy", machines: []lab.MachineConfig{{Firmware: lab.UEFI, PlainPXE: true}}}, "LAB-SYSTEM"),
	)

	DescribeTable("starts the new system by kexec, without the firmware", func(firmware lab.Firmware, its string) {
		w := begin(setup{machines: []lab.MachineConfig{{Firmware: firmware}}, nodes: kexec})
		m, env := w.Machines[0], w.tiny("tiny", nil)
		w.mustDeploy(env)
		expectSystem(m, 0, "tiny", "/dev/vda1", "id=tiny")
		text, err := m.Serial.Since(0)
		Expect(err).NotTo(HaveOccurred())
		before, after, _ := strings.Cut(text, "kadeploy deployment system")
		Expect(before).To(ContainSubstring(its))
		Expect(after).NotTo(ContainSubstring(its))
		Expect(m.ChassisLog()).To(MatchRegexp(`^\S+ ipmi on: ok\n$`), "nothing else was done to its power")
	},
		Entry("BIOS", lab.BIOS, "SeaBIOS"),
		Entry("UEFI", lab.UEFI, "iPXE"), // its card's: OVMF itself says nothing when that starts
	)

	It("is OK when the new system itself has said which image it is", func() {
		w := begin(setup{nodes: map[string]string{"phone_home": "true"}})
		m := w.Machines[0]
		w.mustDeploy(w.tiny("tiny", nil))
		expectSystem(m, 0, "tiny", "/dev/vda1", "id=tiny")
		expectConsole(m, 0, "LAB-CALLED image=tiny")
		Expect(w.run("kadeploy", "nodes", "-d", w.Conf)).To(MatchRegexp(`tiny:1 +[0-9a-f]{12} confirmed`))
		Expect(fileOnDisk(m, 1, "/etc/kadeploy/phone-home.sh")).To(HavePrefix("#!/bin/sh"))
		Eventually(fileOnDisk).WithArguments(m, 1, "/etc/kadeploy/phone-home").Should(BeEmpty(), "the token is gone")
	})

	It("writes the raw image of a whole disk, which brings its own loader", func() {
		w := begin(setup{})
		image, err := labimage.WholeDisk(w.kernel, "whole")
		Expect(err).NotTo(HaveOccurred())
		raw := map[string]string{"environment_kind": "other", "kernel": "", "initrd": "", "filesystem": "", "fdisktype": "0", "kernel_params": ""}
		env, err := labsite.AddEnvironment(w.Conf, labsite.Environment{Name: "whole", Image: image, Kind: "ddzst", Keys: raw})
		Expect(err).NotTo(HaveOccurred())
		m := w.Machines[0]
		w.mustDeploy(env, "--block-device", m.Device())
		expectSystem(m, 0, "whole", "/dev/vda1", "loader=grub")
		Expect(fileOnDisk(m, 1, "/etc/image")).To(Equal("whole\n"))
	})

	It("writes the raw image of a file system onto a partition, and the disk's loader starts it", func() {
		w := begin(setup{nodes: onDisk("1"), partitions: grubBIOS})
		image, err := labimage.Partition(w.kernel, "part")
		Expect(err).NotTo(HaveOccurred())
		env, err := labsite.AddEnvironment(w.Conf, labsite.Environment{Name: "part", Image: image, Kind: "ddzst"})
		Expect(err).NotTo(HaveOccurred())
		m := w.Machines[0]
		w.mustDeploy(env)
		expectConsole(m, 0, byGRUB)
		expectSystem(m, 0, "part", "/dev/vda1", "id=part")
		Expect(fileOnDisk(m, 1, "/etc/image")).To(Equal("part\n"))
		Expect(fileSystemSize(m, 1)).To(Equal(64<<20), "it is the image's file system, not one made on the whole partition")
	})

	It("brings a minimal Debian up to its ssh server and its login prompt", func() {
		w := begin(setup{machines: []lab.MachineConfig{{Memory: 1024}}, nodes: patient})
		image, err := labimage.Debian()
		Expect(err).NotTo(HaveOccurred())
		env, err := labsite.AddEnvironment(w.Conf, labsite.Environment{Name: "debian", Image: image, Kind: "tzst"})
		Expect(err).NotTo(HaveOccurred())
		m := w.Machines[0]
		w.mustDeploy(env)
		expectSystem(m, 0, "debian", "/dev/vda1", "id=debian")
		Eventually(func() (string, error) { return w.banner(m) }).Should(HavePrefix("SSH-2.0-OpenSSH_"))
		expectConsole(m, 0, "lab login: ")
		Expect(fileOnDisk(m, 1, "/etc/image")).To(Equal("debian\n"))
	})

	It("goes on where one left off when the server was restarted between two", func() {
		w := begin(setup{})
		m := w.Machines[0]
		w.mustDeploy(w.tiny("tiny", nil))
		w.run("kadeploy-server", "restart", "-d", w.Conf)
		mark := m.Serial.Mark()
		w.mustDeploy(w.tiny("other", nil))
		expectSystem(m, mark, "other", "/dev/vda1", "id=other")
		Expect(fileOnDisk(m, 1, "/etc/image")).To(Equal("other\n"))
	})
})

// banner is what the machine's ssh server says first to a client in the server's namespace.
func (w *world) banner(m *lab.Machine) (string, error) {
	out, err := w.OnServer(context.Background(), "socat", "-u", "TCP:"+m.Addr.String()+":22,connect-timeout=5,readbytes=16", "STDOUT").Output()
	return string(out), err
}

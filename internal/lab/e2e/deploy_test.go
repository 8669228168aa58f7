//go:build e2e

package e2e_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/lab"
)

var _ = Describe("A deployment", func() {
	DescribeTable("brings the image onto the disk, and the machine up from there", func(s setup) {
		w := begin(s)
		env := w.tiny("tiny", nil)
		marks := w.marks()
		w.mustDeploy(env)
		for i, m := range w.Machines {
			expectSystem(m, marks[i], "tiny", m.Device()+"p?1", "id=tiny")
			Expect(fileOnDisk(m, 1, "/etc/image")).To(Equal("tiny\n"))
			Expect(m.ChassisLog()).To(MatchRegexp(`(?m) (ipmi|redfish) (on|reset): ok$`))
		}
	},
		Entry("one BIOS machine, iPXE, IPMI", Label("short"), setup{}),
		Entry("one BIOS machine, iPXE, the commands of a site", setup{power: "command"}),
		Entry("one BIOS machine, PXELINUX, IPMI", setup{loader: "pxelinux"}),
		Entry("two BIOS machines", setup{machines: make([]lab.MachineConfig, 2)}),
		Entry("one UEFI machine, iPXE in its card, Redfish", Label("short"), setup{machines: []lab.MachineConfig{{Firmware: lab.UEFI}}, power: "redfish"}),
	)
})

//go:build e2e

package e2e_test

import (
	"encoding/json"
	"os/exec"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/lab"
	"github.com/kadeploy/kadeploy/internal/lab/labimage"
)

var _ = Describe("Power", func() {
	DescribeTable("is switched by who may, and what the machine does is seen", func(driver string) {
		w := begin(setup{power: driver})
		m := w.Machines[0]
		status := func() string {
			GinkgoHelper()
			var said struct{ Nodes []struct{ Power string } }
			Expect(json.Unmarshal([]byte(w.run("kadeploy", "power", "status", "-d", w.Conf, "-m", m.Name, "--output", "json")), &said)).To(Succeed())
			Expect(said.Nodes).To(HaveLen(1))
			return said.Nodes[0].Power
		}
		Expect(status()).To(Equal("off"))

		w.run("kadeploy", "power", "on", "-d", w.Conf, "-m", m.Name)
		Expect(m.Powered()).To(BeTrue())
		Expect(status()).To(Equal("on"))
		expectConsole(m, 0, "SeaBIOS")

		mark := m.Serial.Mark()
		w.run("kadeploy", "power", "cycle", "-d", w.Conf, "-m", m.Name)
		expectConsole(m, mark, "SeaBIOS")

		w.run("kadeploy", "power", "off", "-d", w.Conf, "-m", m.Name, "--level", "hard")
		Expect(m.Powered()).To(BeFalse())
		Expect(status()).To(Equal("off"))
	},
		Entry("by IPMI", "ipmi"),
		Entry("by Redfish", "redfish"),
	)

	DescribeTable("goes on with a boot from the network, this once, where the disk comes first", func(driver string) {
		keys := onDisk("1")
		keys["boot_override"] = "pxe"
		w := begin(setup{machines: []lab.MachineConfig{{DiskFirst: true}}, power: driver, nodes: keys, partitions: grubBIOS})
		m := w.Machines[0]
		image, err := labimage.WholeDisk(w.kernel, "whole")
		Expect(err).NotTo(HaveOccurred())
		Expect(exec.Command("sh", "-c", `zstd -qdc "$1" | dd status=none conv=notrunc of="$2"`, "sh", image, m.Disk()).Run()).To(Succeed())
		Expect(m.On()).To(Succeed())
		expectSystem(m, 0, "whole", "/dev/vda1", "loader=grub")

		mark := m.Serial.Mark()
		w.mustDeploy(w.tiny("tiny", nil))
		expectConsole(m, mark, byGRUB)
		expectSystem(m, mark, "tiny", "/dev/vda1", "id=tiny")
		text, err := m.Serial.Since(mark)
		Expect(err).NotTo(HaveOccurred())
		before, after, _ := strings.Cut(text, "kadeploy deployment system")
		Expect(before).To(ContainSubstring("boot.ipxe"))
		Expect(after).NotTo(ContainSubstring("boot.ipxe"), "the new system's boot did not ask the network")
		Expect(m.ChassisLog()).To(MatchRegexp(` ` + driver + ` boot pxe: ok\n\S+ ` + driver + ` reset: ok\n`))
	},
		Entry("by IPMI", "ipmi"),
		Entry("by Redfish", "redfish"),
	)

	It("is not said to be on when the BMC has refused", func() {
		w := begin(setup{})
		m := w.Machines[0]
		Expect(m.SetFault(lab.Refuse)).To(Succeed())
		_, err := w.Run("kadeploy", "power", "on", "-d", w.Conf, "-m", m.Name, "--level", "very_hard")
		Expect(err).To(HaveOccurred())
		Expect(m.Powered()).To(BeFalse())
	})
})

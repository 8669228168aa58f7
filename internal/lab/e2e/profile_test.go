//go:build e2e

package e2e_test

import (
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/lab"
)

var _ = Describe("A boot profile", func() {
	// The machine reboots into the deployment system and no further: that is where it needs its profile. Its agent calls with this boot's
	// token, which stands in the profile and nowhere else.
	DescribeTable("is found by the loader under the name that the site has chosen", func(s setup, naming string, file func(*lab.Machine) string) {
		s.daemon = map[string]string{"pxe_profile_name": naming}
		w := begin(s)
		m := w.Machines[0]
		w.run("kadeploy", "reboot", "-d", w.Conf, "-m", m.Name, "--kind", "deploy_env")
		expectConsole(m, 0, "kadeploy deployment system")
		Expect(filepath.Join(w.Conf, "tftp", file(m))).To(BeARegularFile())
		for _, byAddress := range []string{"pxelinux.cfg/0A530101", "ipxe/10.83.1.1.ipxe", "grub/grub.cfg-10.83.1.1"} {
			if byAddress != file(m) {
				Expect(filepath.Join(w.Conf, "tftp", byAddress)).NotTo(BeAnExistingFile())
			}
		}
	},
		Entry("PXELINUX, by MAC", setup{loader: "pxelinux"}, "mac", func(m *lab.Machine) string { return "pxelinux.cfg/01-" + dashed(m.MAC) }),
		Entry("PXELINUX, by UUID", setup{loader: "pxelinux", machines: []lab.MachineConfig{{UUID: "43c31444-64ed-4a3c-abe7-9a222f8155bf"}}},
			"uuid", func(*lab.Machine) string { return "pxelinux.cfg/4414c343-ed64-3c4a-abe7-9a222f8155bf" }),
		Entry("PXELINUX, by UUID, which it takes for none", setup{loader: "pxelinux", machines: []lab.MachineConfig{{UUID: "43c31444-64ed-4afc-abe7-9a222f8155bf"}}},
			"uuid", func(*lab.Machine) string { return "pxelinux.cfg/0A530101" }),
		Entry("iPXE, by MAC", setup{}, "mac", func(m *lab.Machine) string { return "ipxe/01-" + dashed(m.MAC) + ".ipxe" }),
		Entry("iPXE, by UUID", setup{}, "uuid", func(m *lab.Machine) string { return "ipxe/" + m.UUID + ".ipxe" }),
		Entry("GRUB, by MAC", setup{machines: []lab.MachineConfig{{Firmware: lab.UEFI, PlainPXE: true}}, loader: "grub"},
			"mac", func(m *lab.Machine) string { return "grub/grub.cfg-" + m.MAC }),
	)
})

func dashed(mac string) string { return strings.ReplaceAll(mac, ":", "-") }

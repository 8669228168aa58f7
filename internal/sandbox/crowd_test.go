package sandbox_test

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/dirdisk"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/probe"
	"github.com/kadeploy/kadeploy/internal/sandbox"
	"github.com/kadeploy/kadeploy/pxe"
)

var _ = Describe("A thousand machines", func() {
	const crowd = 1000 // half of them with a system to boot

	It("cost one goroutine each while their systems run, and none while they hang or are off", func() {
		s := newSite()
		kernel := bytes.Repeat([]byte("linux"), 1000)
		s.file("boot/vmlinuz", kernel)
		s.boots("7F4E", pxe.Deployed("boot/vmlinuz", "", "/dev/sda3", ""))
		var nodes []sandbox.Node
		for i := range crowd {
			addr := netip.AddrFrom4([4]byte{127, 78, byte(i >> 8), byte(i)})
			nodes = append(nodes, sandbox.Node{Name: fmt.Sprintf("node-%d", i), Addr: addr, SSHPort: 2222, Sandbox: config.Sandbox{InProcess: true}})
			if i%2 == 0 { // the others hang: their disks are empty
				install(filepath.Join(s.disks, nodes[i].Name), kernel)
			}
		}
		r := s.rack(nodes...)
		before := runtime.NumGoroutine()
		for _, n := range nodes {
			Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
		}
		for i, n := range nodes {
			if i%2 == 0 {
				Eventually(screen(r, n)).Should(ContainSubstring("sshd listens"))
			} else {
				Eventually(screen(r, n)).Should(ContainSubstring("kernel panic"))
			}
		}
		Expect(probe.UserSystem(context.Background(), nodes[0].Addr, 2222, 2223)).To(BeTrue())
		Eventually(runtime.NumGoroutine).Should(BeNumerically("<", before+crowd/2+20))
		for _, n := range nodes {
			Expect(do(r, n, power.OpOff, power.Hard)).To(Succeed())
		}
		Eventually(runtime.NumGoroutine).Should(BeNumerically("<", before+20))
	})
})

// install makes a disk with a system on its third partition.
func install(disk string, kernel []byte) {
	GinkgoHelper()
	ctx := context.Background()
	d := must(dirdisk.Open(dirdisk.Config{Root: disk}))
	must(d.Partition(ctx, machine.Table{Device: "/dev/sda", Kind: "fdisk", Script: []byte("part 3 4G 83\n")}))
	Expect(d.Format(ctx, "/dev/sda3", "ext4", "")).To(Succeed())
	dir, ok := d.PartitionDir("/dev/sda3")
	Expect(ok).To(BeTrue())
	for name, content := range map[string][]byte{"boot/vmlinuz": kernel, "etc/os-release": []byte("ID=debian\n")} {
		Expect(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(dir, name), content, 0o644)).To(Succeed())
	}
}

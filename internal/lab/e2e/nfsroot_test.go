//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/lab"
	"github.com/kadeploy/kadeploy/internal/lab/labimage"
)

// agentInit is the init of the system on the NFS server, which starts the agent as a unit of systemd would.
const agentInit = `#!/bin/sh
exec >/dev/console 2>&1
modprobe -a virtio_blk ext4
kadeploy-agent run --disks --stay --address $(ip -4 -o addr show dev eth0 | sed -n 's,.* inet \([0-9.]*\)/.*,\1,p')
echo "the agent has ended: $?"
while :; do sleep 1000; done
`

// exportRoot serves mkenv's system with another init by NFS, read-only, as SITE:/deploy.
func (w *world) exportRoot() {
	GinkgoHelper()
	dir := filepath.Join(w.Dir, "nfs")
	root := filepath.Join(dir, "deploy")
	Expect(os.MkdirAll(root, 0o755)).To(Succeed())
	unpack := exec.Command("sh", "-c", `zstd -dcq "$1" | cpio -idm --quiet`, "sh", filepath.Join(w.boot, "initrd-kadeploy"))
	unpack.Dir = root
	Expect(unpack.CombinedOutput()).To(BeEmpty())
	Expect(os.RemoveAll(filepath.Join(root, "sbin/init"))).To(Succeed())
	Expect(os.WriteFile(filepath.Join(root, "sbin/init"), []byte(agentInit), 0o755)).To(Succeed())

	ganesha, err := labimage.NFSServer()
	Expect(err).NotTo(HaveOccurred())
	libraries := "usr/lib/x86_64-linux-gnu"
	conf := fmt.Sprintf(`
NFS_CORE_PARAM { Protocols = 4; Enable_NLM = false; Enable_RQUOTA = false; Plugins_Dir = %s; }
NFSv4 { Graceless = true; RecoveryBackend = fs; RecoveryRoot = %s; Only_Numeric_Owners = true; UseGetpwnam = true; }
NFS_KRB5 { Active_krb5 = false; }
EXPORT { Export_Id = 1; Path = %s; Pseudo = /deploy; Access_Type = RO; Squash = No_Root_Squash; SecType = sys; Transports = TCP; FSAL { Name = VFS; } }
`, filepath.Join(ganesha, libraries, "ganesha"), dir, root)
	Expect(os.WriteFile(filepath.Join(dir, "ganesha.conf"), []byte(conf), 0o644)).To(Succeed())
	Expect(w.Beside(context.Background(), "env",
		fmt.Sprintf("LD_LIBRARY_PATH=%[1]s/usr/lib/ganesha:%[1]s/%[2]s:%[1]s/lib/x86_64-linux-gnu", ganesha, libraries),
		filepath.Join(ganesha, "usr/bin/ganesha.nfsd"), "-F", "-f", filepath.Join(dir, "ganesha.conf"),
		"-L", filepath.Join(dir, "ganesha.log"), "-p", filepath.Join(dir, "ganesha.pid")).Start()).To(Succeed())
}

var _ = Describe("A deployment system whose root is on an NFS server", func() {
	It("is booted, and deploys the machine", Label("nightly"), func() {
		w := begin(setup{machines: []lab.MachineConfig{{Firmware: lab.UEFI}}, nodes: map[string]string{
			"nfsroot_kernel": "nfsroot.efi", "nfsroot_params": "console=ttyS0,115200 quiet root=/dev/nfs nfsroot=" + lab.Site.String() + ":/deploy",
			"macrostep": "SetDeploymentEnv|SetDeploymentEnvNfsroot:1:400\nBroadcastEnv|BroadcastEnvChain:1:300\nBootNewEnv|BootNewEnvClassical:1:400",
		}})
		kernel, err := labimage.NFSRootKernel(w.kernel)
		Expect(err).NotTo(HaveOccurred())
		Expect(exec.Command("cp", kernel, filepath.Join(w.Conf, "tftp/kernels/nfsroot.efi")).Run()).To(Succeed())
		w.exportRoot()
		m := w.Machines[0]
		w.mustDeploy(w.tiny("tiny", nil))
		expectConsole(m, 0, "LAB-NFS-ROOT "+lab.Site.String()+":/deploy")
		expectSystem(m, 0, "tiny", "/dev/vda1", "id=tiny")
		Expect(m.Serial.Since(0)).NotTo(ContainSubstring("kadeploy deployment system"), "which is what mkenv's own init says")
		Expect(fileOnDisk(m, 1, "/etc/image")).To(Equal("tiny\n"))
	})
})

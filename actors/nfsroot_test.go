package actors_test

import (
	"fmt"
	"os"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
)

var _ = Describe("A deployment system with its root on an NFS server", func() {
	overNFS := func(more map[string]string, set string) *site {
		GinkgoHelper()
		b := blueprint{nodes: 1, cluster: more, macros: []string{"SetDeploymentEnv|" + set, "BroadcastEnv|Chain:1:20", "BootNewEnv|Classical:1:20"}}
		s := plannedSite(GinkgoT().TempDir(), b)
		s.write()
		s.file("tftp/kernels/nfs-vmlinuz", deployKernel())
		return s
	}
	started := func(s *site) *site {
		GinkgoHelper()
		s.start()
		DeferCleanup(s.close)
		return s
	}

	It("is booted by a kernel of its own, without an initrd, that is told where its root is, and deploys", func() {
		s := started(overNFS(map[string]string{
			"nfsroot_kernel": "nfs-vmlinuz", "nfsroot_params": "root=/dev/nfs nfsroot=10.77.0.1:/srv/deploy ip=dhcp ro",
		}, "Nfsroot:1:20"))
		r := s.deployment()
		r.Breakpoint = "BroadcastEnv"
		o := s.run(r)
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.report("node-1").GetCause())
		Expect(s.profile(1)).To(MatchRegexp(`KERNEL kernels/nfs-vmlinuz
APPEND panic=10 root=/dev/nfs nfsroot=10\.77\.0\.1:/srv/deploy ip=dhcp ro kadeploy\.server=\S+ kadeploy\.pin=\S+ kadeploy\.node=node-1 kadeploy\.token=\w+ kadeploy\.marker=25300 kadeploy\.time=\d+
$`))

		o = s.run(s.deployment())
		Expect(o.report("node-1").GetPhase()).To(Equal(message.NodePhase_OK), o.report("node-1").GetCause())
	})

	It("is left out where there is no kernel for it, and said to be", func() {
		s := started(overNFS(nil, "Nfsroot:1:20,Untrusted:1:20"))
		r := s.deployment()
		r.DryRun = true
		Expect(s.client().ask(r).(*message.Checked).GetLines()).To(ContainElement(
			"node-1: SetDeploymentEnvNfsroot is skipped: it has no kernel to boot: set nfsroot_kernel and nfsroot_params"))
	})

	It("is an error of the configuration where there is neither a kernel for it nor another way", func() {
		_, err := overNFS(nil, "Nfsroot:1:20").load()
		Expect(err).To(MatchError(ContainSubstring("SetDeploymentEnv has no instance")))
	})
})

// profile is the boot profile of a node.
func (s *site) profile(n int) string {
	GinkgoHelper()
	a := s.addr(n).As4()
	text, err := os.ReadFile(s.path("tftp", "pxelinux.cfg", fmt.Sprintf("%02X%02X%02X%02X", a[0], a[1], a[2], a[3])))
	Expect(err).NotTo(HaveOccurred())
	return string(text)
}

package pxe_test

import (
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/pxe"
)

var _ = Describe("Reading a profile", func() {
	DescribeTable("understands what sites write by hand",
		func(text string, want pxe.Profile) {
			got, err := pxe.Parse(text)
			Expect(err).NotTo(HaveOccurred())
			Expect(got).To(Equal(want))
		},
		Entry("any case, tabs, comments, settings of the screen, CRLF",
			"# node-1\r\nprompt 1\r\nTimeout 50\r\n\r\ndefault linux\r\n\tlabel linux\r\n\tkernel\tvmlinuz\r\n  append  initrd=a.img   quiet  \r\n",
			pxe.Profile{Kernel: "vmlinuz", Initrds: []string{"a.img"}, Args: "quiet"}),
		Entry("LINUX and INITRD", "DEFAULT x\nLABEL x\nLINUX vmlinuz\nINITRD a,b\nAPPEND quiet\n",
			pxe.Profile{Kernel: "vmlinuz", Initrds: []string{"a", "b"}, Args: "quiet"}),
		Entry("the last initrd= of a line", "DEFAULT x\nLABEL x\nKERNEL k\nAPPEND initrd=a quiet initrd=b\n",
			pxe.Profile{Kernel: "k", Initrds: []string{"b"}, Args: "quiet"}),
		Entry("the default among several labels", "LABEL a\nKERNEL ka\nLABEL b\nLOCALBOOT 0\nDEFAULT b\n",
			pxe.Profile{Kind: pxe.LocalBoot}),
		Entry("an APPEND for all labels without one", "DEFAULT a\nAPPEND console=ttyS0\nLABEL a\nKERNEL k\n",
			pxe.Profile{Kernel: "k", Args: "console=ttyS0"}),
		Entry("a label's own APPEND, empty", "DEFAULT a\nAPPEND console=ttyS0\nLABEL a\nKERNEL k\nAPPEND -\n",
			pxe.Profile{Kernel: "k"}),
		Entry("a drive in hexadecimal", "DEFAULT a\nLABEL a\nLOCALBOOT 0x80\n", pxe.Profile{Kind: pxe.LocalBoot, Drive: 128}),
		Entry("a module in another directory", "DEFAULT a\nLABEL a\nKERNEL boot/chain.c32\nAPPEND hd0 1\n", pxe.Profile{Kind: pxe.Chainload, Partition: 1}),
	)

	DescribeTable("says what it cannot understand",
		func(text, why string) {
			_, err := pxe.Parse(text)
			Expect(err).To(MatchError(ContainSubstring(why)))
		},
		Entry("nothing", "", "no DEFAULT"),
		Entry("a default without its label", "DEFAULT a\nLABEL b\nKERNEL k\n", `"a", which is no LABEL`),
		Entry("an empty label", "DEFAULT a\nLABEL a\n", "neither KERNEL nor LOCALBOOT"),
		Entry("a drive that is no number", "DEFAULT a\nLABEL a\nLOCALBOOT first\n", "line 3"),
		Entry("a module we have not", "DEFAULT a\nLABEL a\nKERNEL vesamenu.c32\n", "a module this loader does not have"),
		Entry("chain.c32 without a disk", "DEFAULT a\nLABEL a\nCOM32 chain.c32\n", "hdN"),
		Entry("chain.c32 with a name", "DEFAULT a\nLABEL a\nCOM32 chain.c32\nAPPEND hd0 boot\n", "not the number"),
		Entry("Xen without kernel", "DEFAULT a\nLABEL a\nKERNEL mboot.c32\nAPPEND xen.gz\n", "HYPERVISOR --- KERNEL"),
		Entry("an empty Xen module", "DEFAULT a\nLABEL a\nKERNEL mboot.c32\nAPPEND xen.gz --- \n", "empty module"),
		Entry("too much", strings.Repeat("#\n", 64<<10), "longer than"),
	)
})

func FuzzParse(f *testing.F) {
	for _, p := range []pxe.Profile{
		pxe.Deployment("kernel", []string{"a", "b"}, "quiet"), pxe.FromDisk(),
		{Kind: pxe.Chainload, Disk: 1, Partition: 2},
		{Kind: pxe.Xen, Kernel: "k", Hypervisor: "x", Args: "a", HypervisorArgs: "b", Initrds: []string{"i"}},
	} {
		text, err := p.Render()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add("DEFAULT a\nAPPEND x\nLABEL a\nLINUX k\nINITRD a,b\nAPPEND -\n")
	// What is understood can be said again, and means the same.
	f.Fuzz(func(t *testing.T, text string) {
		p, err := pxe.Parse(text)
		if err != nil {
			return
		}
		again, err := p.Render()
		if err != nil {
			t.Fatalf("%+v was read and cannot be written: %v", p, err)
		}
		q, err := pxe.Parse(again)
		if err != nil {
			t.Fatalf("%q was written and cannot be read: %v", again, err)
		}
		if third, err := q.Render(); err != nil || third != again {
			t.Fatalf("%q became %q (%v)", again, third, err)
		}
	})
}

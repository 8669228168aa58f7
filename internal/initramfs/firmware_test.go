package initramfs_test

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/initramfs"
)

// object is an ELF file with nothing but a section .modinfo, as modules have it.
func object(modinfo string) string {
	GinkgoHelper()
	const names = "\x00.shstrtab\x00.modinfo\x00"
	const header, section = 64, 64
	var out bytes.Buffer
	write := func(v any) { Expect(binary.Write(&out, binary.LittleEndian, v)).To(Succeed()) }
	h := elf.Header64{Type: uint16(elf.ET_REL), Machine: uint16(elf.EM_X86_64), Version: 1, Shoff: header, Ehsize: header, Shentsize: section, Shnum: 3, Shstrndx: 1}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	write(h)
	write(elf.Section64{})
	write(elf.Section64{Name: 1, Type: uint32(elf.SHT_STRTAB), Off: header + 3*section, Size: uint64(len(names))})
	write(elf.Section64{Name: 11, Type: uint32(elf.SHT_PROGBITS), Off: header + 3*section + uint64(len(names)), Size: uint64(len(modinfo))})
	out.WriteString(names + modinfo)
	return out.String()
}

var _ = Describe("firmware", func() {
	It("comes with the modules that name it, as far as it is there; the rest is told", func() {
		site := map[string]string{
			"boot/vmlinuz-6.1": "kernel", "lib/modules/6.1/modules.dep": "bnx2x.ko:\n",
			"lib/modules/6.1/bnx2x.ko":    object("license=GPL\x00firmware=bnx2x/e1.fw\x00firmware=bnx2x/e2.fw\x00firmware=../../etc/shadow\x00"),
			"lib/firmware/bnx2x/e1.fw":    "one",
			"lib/firmware/bnx2x/other.fw": "other",
			"etc/shadow":                  "secret",
		}
		for _, name := range initramfs.DefaultToolNames() {
			site["usr/sbin/"+name] = "#!/init\n"
		}
		s, err := initramfs.Build(context.Background(), initramfs.Config{Agent: static, Root: tree(site)})
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Report.LeftOut).To(ContainElement("firmware of bnx2x: 1 of 2 files, which are not in /lib/firmware"))
		Expect(s.Tree.Has("/lib/firmware/bnx2x/other.fw")).To(BeFalse())
		Expect(s.Tree.Has("/etc/shadow")).To(BeFalse())
		if os.Geteuid() == 0 {
			Expect(os.ReadFile(filepath.Join(unpack(initrdOf(s)), "lib/firmware/bnx2x/e1.fw"))).To(BeEquivalentTo("one"))
		}
	})
})

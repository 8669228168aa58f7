package loaders_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/pxe/loaders"
)

func TestLoaders(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "boot loaders")
}

var _ = Describe("Installing boot loaders", func() {
	var config loaders.Config
	BeforeEach(func() {
		config = loaders.Config{Root: filepath.Join(GinkgoT().TempDir(), "tftp"), System: GinkgoT().TempDir()}
		Expect(os.MkdirAll(filepath.Join(config.System, "usr/lib/PXELINUX"), 0o755)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(config.System, "usr/lib/PXELINUX/pxelinux.0"), []byte("loader"), 0o644)).To(Succeed())
	})
	states := func() map[string]loaders.State {
		GinkgoHelper()
		items, err := loaders.Install(context.Background(), config)
		Expect(err).NotTo(HaveOccurred())
		states := make(map[string]loaders.State)
		for _, i := range items {
			Expect(i.Package).NotTo(BeEmpty())
			states[i.Name] = i.State
		}
		return states
	}

	It("copies what a package has, keeps what is the same, and replaces what is not", func() {
		Expect(states()).To(And(HaveLen(len(loaders.Files())), HaveKeyWithValue("pxelinux.0", loaders.Installed), HaveKeyWithValue("snponly.efi", loaders.Missing), HaveKeyWithValue("grubx64.efi", loaders.Missing)))
		Expect(os.ReadFile(filepath.Join(config.Root, "pxelinux.0"))).To(BeEquivalentTo("loader"))
		Expect(states()).To(HaveKeyWithValue("pxelinux.0", loaders.Kept))
		Expect(os.WriteFile(filepath.Join(config.Root, "pxelinux.0"), []byte("old"), 0o644)).To(Succeed())
		Expect(states()).To(HaveKeyWithValue("pxelinux.0", loaders.Installed))
	})

	It("changes nothing on a dry run", func() {
		config.DryRun = true
		Expect(states()).To(HaveKeyWithValue("pxelinux.0", loaders.Installed))
		Expect(config.Root).NotTo(BeADirectory())
	})

	It("says what failed", func() {
		Expect(os.MkdirAll(filepath.Join(config.Root, "pxelinux.0"), 0o755)).To(Succeed())
		items, err := loaders.Install(context.Background(), config)
		Expect(err).NotTo(HaveOccurred())
		Expect(items[0].State).To(Equal(loaders.Failed))
		Expect(items[0].Err).To(MatchError(ContainSubstring("is a directory")))
	})

	It("makes GRUB with a menu inside, the same each time", func() {
		if _, err := exec.LookPath("grub-mkimage"); err != nil {
			Skip("grub-mkimage is not installed: install the Debian package grub-common")
		}
		if _, err := os.Stat("/usr/lib/grub/x86_64-efi"); err != nil {
			Skip("GRUB's modules are not installed: install the Debian package grub-efi-amd64-bin")
		}
		config.System = "/"
		Expect(states()).To(HaveKeyWithValue("grubx64.efi", loaders.Installed))
		content, err := os.ReadFile(filepath.Join(config.Root, "grubx64.efi"))
		Expect(err).NotTo(HaveOccurred())
		Expect(content[:2]).To(BeEquivalentTo("MZ"))
		Expect(states()).To(HaveKeyWithValue("grubx64.efi", loaders.Kept))
	})
})

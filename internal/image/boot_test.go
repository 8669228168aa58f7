package image_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/image"
)

var _ = Describe("The kernel of an image", func() {
	var into string
	BeforeEach(func() { into = filepath.Join(GinkgoT().TempDir(), "kernels") })

	prepare := func(members ...member) *image.Image {
		GinkgoHelper()
		img, err := catalogue(nil).Prepare(background(), tarImage(write("debian.tar.zst", pack("zstd", tarball(members...))), "zstd"), nil)
		Expect(err).NotTo(HaveOccurred())
		return img
	}
	content := func(name string) string {
		GinkgoHelper()
		b, err := os.ReadFile(filepath.Join(into, name))
		Expect(err).NotTo(HaveOccurred())
		return string(b)
	}

	It("is taken out with its initrd, under names of the image", func() {
		img := prepare(
			member{"boot/vmlinuz-6.1", "the kernel"}, member{"boot/initrd.img-6.1", "the initrd"}, member{"boot/xen.gz", "the hypervisor"},
			member{"vmlinuz", "-> boot/vmlinuz-6.1"}, member{"initrd.img", "-> boot/initrd.img-6.1"},
		)
		files, err := image.ExtractBoot(background(), img, "/vmlinuz", "/initrd.img", "/boot/xen.gz", into)
		Expect(err).NotTo(HaveOccurred())
		Expect(files.Kernel).To(Equal("e-" + img.SHA256[:16] + "--vmlinuz"))
		Expect(files.Initrd).To(Equal("e-" + img.SHA256[:16] + "--initrd.img"))
		Expect(files.Hypervisor).To(Equal("e-" + img.SHA256[:16] + "--boot--xen.gz"))
		Expect(content(files.Kernel)).To(Equal("the kernel"))
		Expect(content(files.Initrd)).To(Equal("the initrd"))
		Expect(content(files.Hypervisor)).To(Equal("the hypervisor"))
		Expect(os.ReadDir(into)).To(HaveLen(3))
	})

	DescribeTable("is found through the links of the image, and only of the image",
		func(path string, members ...member) {
			img := prepare(append(members, member{"boot/vmlinuz-6.1", "the kernel"})...)
			files, err := image.ExtractBoot(background(), img, path, "", "", into)
			Expect(err).NotTo(HaveOccurred())
			Expect(content(files.Kernel)).To(Equal("the kernel"))
			Expect(files.Initrd).To(BeEmpty())
		},
		Entry("itself", "/boot/vmlinuz-6.1"),
		Entry("without a leading slash", "boot/vmlinuz-6.1"),
		Entry("a plain link", "/boot/vmlinuz", member{"boot/vmlinuz", "-> vmlinuz-6.1"}),
		Entry("a relative link", "/vmlinuz", member{"vmlinuz", "-> ./boot/../boot/vmlinuz-6.1"}),
		Entry("an absolute link", "/vmlinuz", member{"vmlinuz", "-> /boot/vmlinuz-6.1"}),
		Entry("a link that climbs over the root", "/vmlinuz", member{"vmlinuz", "-> ../../../boot/vmlinuz-6.1"}),
		Entry("a chain of links", "/a", member{"a", "-> b/c"}, member{"b", "-> /d"}, member{"d/c", "-> ../e"}, member{"e", "-> boot/vmlinuz-6.1"}),
		Entry("a link to its directory", "/kernels/vmlinuz-6.1", member{"kernels", "-> boot"}),
		Entry("a hard link", "/vmlinuz", member{"vmlinuz", "=> boot/vmlinuz-6.1"}),
		Entry("a link to a hard link", "/vmlinuz", member{"vmlinuz", "-> k"}, member{"k", "=> ./boot/vmlinuz-6.1"}),
		Entry("names with a dot in front", "/vmlinuz", member{"./vmlinuz", "-> boot/vmlinuz-6.1"}),
		Entry("a name given twice, the later one", "/boot/vmlinuz-6.1", member{"boot/vmlinuz-6.1", "an older kernel"}),
	)

	DescribeTable("that is not there is named, with what may have been meant",
		func(path, why string, members ...member) {
			img := prepare(append(members, member{"etc/os-release", "ID=x"})...)
			_, err := image.ExtractBoot(background(), img, path, "", "", into)
			Expect(err).To(MatchError(ContainSubstring("image debian.tar.zst has no " + path + " (wanted by kernel)" + why)))
			Expect(into).NotTo(BeADirectory())
		},
		Entry("nothing like it", "/boot/vmlinuz", ""),
		Entry("another version", "/boot/vmlinuz-6.1", "; it has /boot/vmlinuz-5.10, /boot/vmlinuz-6.12", member{"boot/vmlinuz-5.10", "k"}, member{"boot/vmlinuz-6.12", "k"}),
		Entry("a dangling link", "/vmlinuz", ": it is a link to /boot/vmlinuz-1, which is not there; it has /boot/vmlinuz-2", member{"vmlinuz", "-> boot/vmlinuz-1"}, member{"boot/vmlinuz-2", "k"}),
		Entry("a dangling hard link", "/vmlinuz", ": it is a hard link to /gone, which is not there", member{"vmlinuz", "=> gone"}),
		Entry("a link to itself", "/vmlinuz", ": its links go round in a circle", member{"vmlinuz", "-> vmlinuz"}),
		Entry("a circle of links", "/a", ": its links go round in a circle", member{"a", "-> b/x"}, member{"b", "-> /c"}, member{"c", "-> b"}),
		Entry("a circle of hard links", "/a", ": its links go round in a circle", member{"a", "=> b"}, member{"b", "=> a"}),
		Entry("a directory", "/boot", ": /boot is not a regular file", member{"boot/", "/"}),
		Entry("an empty file", "/vmlinuz", ": /vmlinuz is empty", member{"vmlinuz", ""}),
	)

	It("is missing by its own name: the initrd's", func() {
		img := prepare(member{"vmlinuz", "k"})
		_, err := image.ExtractBoot(background(), img, "/vmlinuz", "/initrd", "", into)
		Expect(err).To(MatchError(ContainSubstring("has no /initrd (wanted by initrd)")))
	})

	It("cannot be taken out of a raw disk", func() {
		path := write("disk.img", []byte("disk"))
		img, err := catalogue(nil).Prepare(background(), config.Image{Path: path, Kind: "dd"}, nil)
		Expect(err).NotTo(HaveOccurred())
		_, err = image.ExtractBoot(background(), img, "/vmlinuz", "", "", into)
		Expect(err).To(MatchError(ContainSubstring("disk.img is a dd image")))
	})

	It("is not read again from the image once it is there", func() {
		img := prepare(member{"vmlinuz", "the kernel"})
		files, err := image.ExtractBoot(background(), img, "vmlinuz", "", "", into)
		Expect(err).NotTo(HaveOccurred())
		Expect(os.Remove(img.Path)).To(Succeed())
		Expect(image.ExtractBoot(background(), img, "vmlinuz", "", "", into)).To(Equal(files))

		By("but a file of another length is put right")
		Expect(os.WriteFile(filepath.Join(into, files.Kernel), []byte("half"), 0o644)).To(Succeed())
		_, err = image.ExtractBoot(background(), img, "vmlinuz", "", "", into)
		Expect(err).To(MatchError(ContainSubstring("does not exist")))
	})

	It("is taken once when two names are one file", func() {
		img := prepare(member{"k", "the kernel"}, member{"vmlinuz", "-> k"})
		files, err := image.ExtractBoot(background(), img, "/vmlinuz", "/k", "", into)
		Expect(err).NotTo(HaveOccurred())
		Expect(content(files.Kernel)).To(Equal("the kernel"))
		Expect(content(files.Initrd)).To(Equal("the kernel"))
	})

	DescribeTable("has one name for one path",
		func(path, name string) {
			img := prepare(member{path, "the kernel"})
			files, err := image.ExtractBoot(background(), img, path, "", "", into)
			Expect(err).NotTo(HaveOccurred())
			Expect(files.Kernel).To(Equal("e-" + img.SHA256[:16] + "--" + name))
		},
		Entry("a directory", "boot/vmlinuz", "boot--vmlinuz"),
		Entry("two dashes that are no directory", "boot--vmlinuz", "boot-%2Dvmlinuz"),
		Entry("a dash before a directory", "boot-/vmlinuz", "boot---vmlinuz"),
		Entry("a dash after a directory", "boot/-vmlinuz", "boot--%2Dvmlinuz"),
		Entry("blanks and commas, which no loader can ask for", "my kernel,old", "my%20kernel%2Cold"),
		Entry("bytes that are no letters", "nöyau%", "n%C3%B6yau%25"),
	)

	It("is not taken from a file that has taken the image's place", func() {
		img := prepare(member{"vmlinuz", "the kernel"})
		Expect(os.WriteFile(img.Path, pack("zstd", tarball(member{"vmlinuz", "evil"})), 0o644)).To(Succeed())
		_, err := image.ExtractBoot(background(), img, "vmlinuz", "", "", into)
		Expect(err).To(MatchError(ContainSubstring("has changed since it was read")))
		Expect(os.ReadDir(into)).To(BeEmpty())
	})

	It("appears whole, also to many at once", func() {
		kernel := strings.Repeat("kernel", 100_000)
		img := prepare(member{"vmlinuz", kernel})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				defer GinkgoRecover()
				files, err := image.ExtractBoot(background(), img, "vmlinuz", "", "", into)
				Expect(err).NotTo(HaveOccurred())
				Expect(content(files.Kernel) == kernel).To(BeTrue())
			})
		}
		wg.Wait()
		Expect(os.ReadDir(into)).To(HaveLen(1), "no temporary file stays")
	})

	It("is given up with its context", func() {
		img := prepare(member{"big", strings.Repeat("x", 1<<20)}, member{"vmlinuz", "the kernel"})
		ctx, cancel := context.WithCancel(background())
		cancel()
		_, err := image.ExtractBoot(ctx, img, "vmlinuz", "", "", into)
		Expect(err).To(MatchError(context.Canceled))
		Expect(os.ReadDir(into)).To(BeEmpty())
	})
})

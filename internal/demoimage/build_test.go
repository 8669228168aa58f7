package demoimage_test

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/compress"
	"github.com/kadeploy/kadeploy/internal/demoimage"
	"github.com/kadeploy/kadeploy/internal/image"
)

func bytesOf(write func(io.Writer) error) []byte {
	GinkgoHelper()
	var b bytes.Buffer
	Expect(write(&b)).To(Succeed())
	return b.Bytes()
}

func members(archive []byte) map[string]*tar.Header {
	GinkgoHelper()
	all := map[string]*tar.Header{}
	t := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := t.Next()
		if err == io.EOF {
			return all
		}
		Expect(err).NotTo(HaveOccurred())
		Expect(all).NotTo(HaveKey(h.Name))
		all[h.Name] = h
	}
}

var _ = Describe("The demonstration's system", Ordered, func() {
	var archive []byte
	var files map[string]*tar.Header
	BeforeAll(func() {
		archive = bytesOf(func(w io.Writer) error { return demoimage.WriteSystem(w, "none") })
		files = members(archive)
	})

	It("is small, but not too small to be seen", func() {
		Expect(len(archive)).To(BeNumerically("~", 35<<20, 5<<20))
		Expect(len(files)).To(BeNumerically(">", 300))
	})

	DescribeTable("has the shapes of a real one",
		func(name string, kind byte, mode int64, link string) {
			Expect(files).To(HaveKey(name))
			h := files[name]
			Expect(h.Typeflag).To(Equal(kind))
			Expect(h.Mode).To(Equal(mode))
			Expect(h.Linkname).To(Equal(link))
		},
		Entry("kernel", "boot/vmlinuz-6.12.0-demo", byte(tar.TypeReg), int64(0o644), ""),
		Entry("relative link", "vmlinuz", byte(tar.TypeSymlink), int64(0o777), "boot/vmlinuz-6.12.0-demo"),
		Entry("absolute link", "boot/initrd.img", byte(tar.TypeSymlink), int64(0o777), "/boot/initrd.img-6.12.0-demo"),
		Entry("dangling link", "etc/dangling", byte(tar.TypeSymlink), int64(0o777), "/nowhere/at/all"),
		Entry("linked directory", "bin", byte(tar.TypeSymlink), int64(0o777), "usr/bin"),
		Entry("hard link", "usr/bin/gunzip", byte(tar.TypeLink), int64(0o755), "usr/bin/gzip"),
		Entry("setuid", "usr/bin/sudo", byte(tar.TypeReg), int64(0o4755), ""),
		Entry("setgid", "usr/bin/chage", byte(tar.TypeReg), int64(0o2755), ""),
		Entry("sticky", "tmp/", byte(tar.TypeDir), int64(0o1777), ""),
		Entry("read-only directory", "var/lib/empty/", byte(tar.TypeDir), int64(0o555), ""),
		Entry("secret", "etc/shadow", byte(tar.TypeReg), int64(0o640), ""),
		Entry("init", "usr/sbin/init", byte(tar.TypeSymlink), int64(0o777), "../lib/systemd/systemd"),
	)

	It("has owners, times within a second, and names that are hard to keep", func() {
		Expect(files["home/demo/mail"].Uid).To(Equal(1000))
		Expect(files["srv/index.html"].ModTime).To(BeTemporally("==", time.Date(2026, 1, 2, 3, 4, 5, 678_912_345, time.UTC)))
		var longest int
		var utf8 bool
		for name := range files {
			longest = max(longest, len(name))
			utf8 = utf8 || strings.Contains(name, "☃")
		}
		Expect(longest).To(BeNumerically(">", 255))
		Expect(utf8).To(BeTrue())
	})

	It("holds hard links after what they link to", func() {
		seen := map[string]bool{}
		t := tar.NewReader(bytes.NewReader(archive))
		for h, err := t.Next(); err != io.EOF; h, err = t.Next() {
			Expect(err).NotTo(HaveOccurred())
			seen[h.Name] = true
			if h.Typeflag == tar.TypeLink {
				Expect(seen).To(HaveKey(h.Linkname))
			}
		}
	})

	DescribeTable("is the same, byte for byte, each time it is made",
		func(compression string) {
			write := func(w io.Writer) error { return demoimage.WriteSystem(w, compression) }
			first := bytesOf(write)
			Expect(bytes.Equal(bytesOf(write), first)).To(BeTrue())
			plain, err := compress.Open(compression, bytes.NewReader(first))
			Expect(err).NotTo(HaveOccurred())
			defer plain.Close()
			Expect(io.ReadAll(plain)).To(HaveLen(len(archive)))
		},
		Entry("zstd", "zstd"), Entry("gzip", "gzip"),
	)

	It("cannot be compressed by what is not there", func() {
		Expect(demoimage.WriteSystem(io.Discard, "bzip2")).To(MatchError(ContainSubstring(`"bzip2" (known: none, gzip, xz, zstd)`)))
	})
})

var _ = Describe("The demonstration's files", func() {
	var dir, path string
	BeforeEach(func() {
		dir = GinkgoT().TempDir()
		path = filepath.Join(dir, "images", "debian.tar.zst")
	})

	It("are made once for one version", func() {
		path = strings.TrimSuffix(path, ".zst")
		first, made, err := demoimage.Make(path, "v1")
		Expect(err).NotTo(HaveOccurred())
		Expect(made).To(BeTrue())
		Expect(first).To(HaveLen(5))
		again, made, err := demoimage.Make(path, "v1")
		Expect(err).NotTo(HaveOccurred())
		Expect(made).To(BeFalse())
		Expect(again).To(Equal(first))

		By("and again for another, or when one is gone")
		again, made, err = demoimage.Make(path, "v2")
		Expect(err).NotTo(HaveOccurred())
		Expect(made).To(BeTrue())
		Expect(again).To(Equal(first), "what they hold depends on nothing else")
		Expect(os.Remove(filepath.Join(dir, "images", "tftp/kernels/deploy-initrd"))).To(Succeed())
		_, made, err = demoimage.Make(path, "v2")
		Expect(err).NotTo(HaveOccurred())
		Expect(made).To(BeTrue())
		Expect(os.ReadDir(filepath.Dir(path))).To(HaveLen(5), "the image and its stamp, two archives, what TFTP serves")
	})

	It("tell a deployment system from a deployed one", func() {
		Expect(string(bytesOf(demoimage.WriteDeployKernel))).To(HavePrefix(demoimage.DeployKernelMagic))
		Expect(demoimage.KernelMagic).NotTo(HavePrefix(demoimage.DeployKernelMagic))
		Expect(bytesOf(demoimage.WriteDeployInitrd)).NotTo(BeEmpty())
	})

	It("pass for an image that can be deployed, whose kernel boots over the network", func() {
		_, _, err := demoimage.Make(path, "")
		Expect(err).NotTo(HaveOccurred())
		catalogue, err := image.New(image.Config{Dir: filepath.Join(dir, "cache")})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(catalogue.Close)
		img, err := catalogue.Prepare(context.Background(), config.Image{Path: path, Kind: "tar", Compression: "zstd"}, nil)
		Expect(err).NotTo(HaveOccurred())
		files, err := image.ExtractBoot(context.Background(), img, "/vmlinuz", "/boot/initrd.img", "", filepath.Join(dir, "kernels"))
		Expect(err).NotTo(HaveOccurred())
		kernel, err := os.ReadFile(filepath.Join(dir, "kernels", files.Kernel))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(kernel)).To(HavePrefix(demoimage.KernelMagic))
		Expect(kernel).To(HaveLen(3 << 20))
	})

	It("refuse a name that says no compression", func() {
		_, _, err := demoimage.Make(filepath.Join(dir, "debian.zip"), "")
		Expect(err).To(MatchError(ContainSubstring("must end in")))
	})
})

var _ = Describe("The demonstration's scripts", func() {
	run := func(write func(io.Writer) error, name string, env ...string) (string, error) {
		GinkgoHelper()
		plain, err := compress.Open("gzip", bytes.NewReader(bytesOf(write)))
		Expect(err).NotTo(HaveOccurred())
		t := tar.NewReader(plain)
		h, err := t.Next()
		Expect(err).NotTo(HaveOccurred())
		Expect(h.Name).To(Equal(name))
		Expect(h.Mode).To(BeEquivalentTo(0o755))
		script, err := io.ReadAll(t)
		Expect(err).NotTo(HaveOccurred())
		cmd := exec.Command("/bin/sh", "-s")
		cmd.Stdin, cmd.Env = bytes.NewReader(script), append(env, "PATH="+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}

	It("leave a note in the deployed system, of named variables only", func() {
		root := GinkgoT().TempDir()
		out, err := run(demoimage.WritePostInstall, "post.sh", "KADEPLOY_ENV_EXTRACTION_DIR="+root, "KADEPLOY_CLUSTER=blue", "KADEPLOY_ENV=debian demo", "KADEPLOY_CMDLINE=kadeploy.token=SECRET")
		Expect(err).NotTo(HaveOccurred(), out)
		note, err := os.ReadFile(filepath.Join(root, "etc/kadeploy/deployed"))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(note)).To(And(ContainSubstring("cluster=blue\n"), ContainSubstring("environment=debian demo\n"), Not(ContainSubstring("SECRET"))))
	})

	It("fail when nobody says where the system is", func() {
		_, err := run(demoimage.WritePostInstall, "post.sh")
		Expect(err).To(HaveOccurred())
	})

	It("set up nothing before the image comes", func() {
		out, err := run(demoimage.WritePreInstall, "pre.sh", "KADEPLOY_CLUSTER=blue")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(ContainSubstring("pre-install of blue"))
	})
})

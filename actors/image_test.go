package actors_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"math/rand/v2"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/demoimage"
)

// partitions is a dialogue with fdisk: swap, production, deployment and temporary partitions.
const partitions = "o\nn\np\n1\n\n+512M\nt\n82\nn\np\n2\n\n+6G\nn\np\n3\n\n+8G\nt\n3\nPARTTYPE\nn\ne\n4\n\n\nn\n\n+4G\nw\n"

func deployKernel() string { return demoimage.DeployKernelMagic + strings.Repeat("kernel ", 1000) }

// description is an environment description with the given tarball and more lines.
func description(tarball string, more ...string) string {
	lines := append([]string{
		"name : tiny", "version : 7", "tarball : " + tarball, "kernel : /vmlinuz", "initrd : /initrd.img",
		"filesystem : ext4", "fdisktype : 83", "environment_kind : linux",
	}, more...)
	return strings.Join(lines, "\n") + "\n"
}

// entry is a file of an archive, or a symbolic link.
type entry struct {
	name, content, link string
	kind                byte              // of the entry in a tar archive; 0: a file, or a link
	records             map[string]string // of its header
}

// contents are what the image of the specs holds: 1 MB, and a system that boots.
func contents() []entry {
	data := make([]byte, 1<<20)
	random := rand.NewChaCha8([32]byte{1})
	random.Read(data)
	return []entry{
		{name: "boot/vmlinuz-1", content: demoimage.KernelMagic + strings.Repeat("1", 5000)},
		{name: "boot/initrd.img-1", content: "initrd of the image"},
		{name: "etc/os-release", content: "ID=tiny\n"},
		{name: "initrd.img", link: "boot/initrd.img-1"},
		{name: "usr/share/data", content: string(data)},
		{name: "vmlinuz", link: "boot/vmlinuz-1"},
	}
}

var theImage = sync.OnceValue(func() []byte { return tarOf(contents()...) })

func tarOf(entries ...entry) []byte {
	GinkgoHelper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: 0o755, Size: int64(len(e.content)), Linkname: e.link, Typeflag: e.kind, PAXRecords: e.records}
		if e.link != "" {
			h.Typeflag = tar.TypeSymlink
		}
		Expect(w.WriteHeader(h)).To(Succeed())
		_, err := w.Write([]byte(e.content))
		Expect(err).NotTo(HaveOccurred())
	}
	Expect(w.Close()).To(Succeed())
	return b.Bytes()
}

func gzipped(b []byte) []byte {
	GinkgoHelper()
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, err := w.Write(b)
	Expect(err).NotTo(HaveOccurred())
	Expect(w.Close()).To(Succeed())
	return z.Bytes()
}

package image_test

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/ulikunitz/xz"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/image"
)

// member is one entry of a test's archive: a file with this content, or "-> TARGET", "=> TARGET" (hard link), "/".
type member struct{ name, content string }

func tarball(members ...member) []byte {
	GinkgoHelper()
	var b bytes.Buffer
	t := tar.NewWriter(&b)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Mode: 0o644, Typeflag: tar.TypeReg}
		if to, ok := strings.CutPrefix(m.content, "-> "); ok {
			h.Typeflag, h.Linkname = tar.TypeSymlink, to
		} else if to, ok := strings.CutPrefix(m.content, "=> "); ok {
			h.Typeflag, h.Linkname = tar.TypeLink, to
		} else if m.content == "/" {
			h.Typeflag = tar.TypeDir
		} else {
			h.Size = int64(len(m.content))
		}
		Expect(t.WriteHeader(h)).To(Succeed())
		if h.Typeflag == tar.TypeReg {
			_, err := io.WriteString(t, m.content)
			Expect(err).NotTo(HaveOccurred())
		}
	}
	Expect(t.Close()).To(Succeed())
	return b.Bytes()
}

func pack(compression string, plain []byte) []byte {
	GinkgoHelper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch compression {
	case "none":
		return plain
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zstd":
		w, err = zstd.NewWriter(&b)
	case "xz":
		w, err = xz.NewWriter(&b)
	}
	Expect(err).NotTo(HaveOccurred())
	_, err = w.Write(plain)
	Expect(err).NotTo(HaveOccurred())
	Expect(w.Close()).To(Succeed())
	return b.Bytes()
}

// small is an image with a bit of everything that Prepare looks at.
func small() []byte {
	GinkgoHelper()
	return tarball(
		member{"boot/", "/"}, member{"boot/vmlinuz-1", strings.Repeat("kernel ", 3000)}, member{"boot/initrd-1", strings.Repeat("initrd ", 3000)},
		member{"vmlinuz", "-> boot/vmlinuz-1"}, member{"etc/os-release", "ID=test\n"},
	)
}

func catalogue(change func(*image.Config)) *image.Catalogue {
	GinkgoHelper()
	c := image.Config{Dir: GinkgoT().TempDir(), ChunkSize: 4 << 10}
	if change != nil {
		change(&c)
	}
	cat, err := image.New(c)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(cat.Close)
	return cat
}

func write(name string, content []byte) string {
	GinkgoHelper()
	path := filepath.Join(GinkgoT().TempDir(), name)
	Expect(os.WriteFile(path, content, 0o644)).To(Succeed())
	return path
}

func tarImage(path, compression string) config.Image {
	return config.Image{Path: path, Kind: "tar", Compression: compression}
}

func background() context.Context { return context.Background() }

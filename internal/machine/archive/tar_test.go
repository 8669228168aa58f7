package archive_test

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/machine/archive"
)

var then = time.Date(2009, 6, 1, 12, 0, 0, 123456789, time.UTC)

// member is a header with its content; what is left out is filled in.
type member struct {
	tar.Header
	content string
}

func file(name, content string) member {
	return member{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}, content}
}

func dir(name string, mode int64) member {
	return member{tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: mode}, ""}
}

func link(name, to string) member {
	return member{tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: to}, ""}
}

func hard(name, to string) member {
	return member{tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: to}, ""}
}

func special(name string, kind byte) member {
	return member{tar.Header{Name: name, Typeflag: kind, Mode: 0o600, Devmajor: 1, Devminor: 3}, ""}
}

func pack(members ...member) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, m := range members {
		h := m.Header
		h.Size, h.ModTime, h.Format = int64(len(m.content)), then, tar.FormatPAX
		h.Uid, h.Gid = os.Getuid(), os.Getgid()
		Expect(w.WriteHeader(&h)).To(Succeed())
		_, err := io.WriteString(w, m.content)
		Expect(err).NotTo(HaveOccurred())
	}
	Expect(w.Close()).To(Succeed())
	return buf.Bytes()
}

func extract(into string, members ...member) (archive.Stats, error) {
	return archive.Extract(context.Background(), bytes.NewReader(pack(members...)), archive.Options{Dir: into})
}

// workDir is a temporary directory that can be removed whatever was unpacked into it.
func workDir() string {
	dir := GinkgoT().TempDir()
	DeferCleanup(func() error {
		return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if e != nil && e.IsDir() && err == nil {
				return os.Chmod(path, 0o700)
			}
			return err
		})
	})
	return dir
}

func read(path string) string {
	text, err := os.ReadFile(path)
	Expect(err).NotTo(HaveOccurred())
	return string(text)
}

package outfile_test

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/outfile"
)

func TestOutfile(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "outfile")
}

var _ = Describe("a file under way", func() {
	var dir, name string

	BeforeEach(func() {
		dir = GinkgoT().TempDir()
		name = filepath.Join(dir, "file")
	})

	draft := func() *outfile.Draft {
		GinkgoHelper()
		place, err := outfile.Find(name)
		Expect(err).NotTo(HaveOccurred())
		d, err := place.Create()
		Expect(err).NotTo(HaveOccurred())
		_, err = d.Write([]byte("new"))
		Expect(err).NotTo(HaveOccurred())
		return d
	}
	mode := func() os.FileMode {
		GinkgoHelper()
		info, err := os.Stat(name)
		Expect(err).NotTo(HaveOccurred())
		return info.Mode().Perm()
	}

	It("is not to be seen in its place before it is committed", func() {
		d := draft()
		Expect(name).NotTo(BeAnExistingFile())
		Expect(d.Commit(true)).To(Succeed())
		Expect(os.ReadFile(name)).To(BeEquivalentTo("new"))
	})

	It("has the mode that the umask leaves", func() {
		defer unix.Umask(unix.Umask(0o027))
		Expect(draft().Commit(false)).To(Succeed())
		Expect(mode()).To(BeEquivalentTo(0o640))
	})

	It("keeps the mode of the file it replaces", func() {
		Expect(os.WriteFile(name, []byte("secret"), 0o600)).To(Succeed())
		Expect(draft().Commit(false)).To(Succeed())
		Expect(mode()).To(BeEquivalentTo(0o600))
	})

	It("leaves the old file alone, and nothing behind, when it is discarded", func() {
		Expect(os.WriteFile(name, []byte("old"), 0o600)).To(Succeed())
		d := draft()
		d.Discard()
		Expect(d.Commit(false)).To(MatchError(ContainSubstring("given up")))
		Expect(os.ReadFile(name)).To(BeEquivalentTo("old"))
		Expect(os.ReadDir(dir)).To(HaveLen(1))
	})

	It("stays when it is discarded after it was committed", func() {
		d := draft()
		Expect(d.Commit(false)).To(Succeed())
		d.Discard()
		Expect(name).To(BeAnExistingFile())
	})

	It("keeps a link and replaces what it points to", func() {
		target := filepath.Join(dir, "target")
		Expect(os.WriteFile(target, nil, 0o600)).To(Succeed())
		Expect(os.Symlink("target", name)).To(Succeed())
		Expect(draft().Commit(false)).To(Succeed())
		Expect(os.Readlink(name)).To(Equal("target"))
		Expect(os.ReadFile(target)).To(BeEquivalentTo("new"))
	})

	It("cannot be where a directory is, nor below a file", func() {
		_, err := outfile.Find(dir)
		Expect(err).To(MatchError("is a directory, not a file"))
		Expect(os.WriteFile(name, nil, 0o600)).To(Succeed())
		_, err = outfile.Find(filepath.Join(name, "below"))
		Expect(err).To(MatchError("not a directory"))
	})
})

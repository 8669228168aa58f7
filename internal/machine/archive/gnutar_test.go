package archive_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/machine/archive"
)

// The peer writes and reads the same trees: what it makes we restore, and it finds no difference.
var _ = DescribeTable("GNU tar finds no difference in what Extract made of its archive",
	func(args ...string) {
		source, target := workDir(), workDir()
		tree(source)
		archived := run(source, append([]string{"tar", "-c", "--sparse"}, append(args, ".")...)...)
		stats, err := archive.Extract(context.Background(), bytes.NewReader(archived), archive.Options{Dir: target, Owners: os.Geteuid() == 0, Devices: archive.SkipDevices})
		Expect(err).NotTo(HaveOccurred())
		Expect(stats.Entries).To(BeNumerically(">", 8))

		tarball := filepath.Join(GinkgoT().TempDir(), "image.tar")
		Expect(os.WriteFile(tarball, archived, 0o600)).To(Succeed())
		Expect(string(run(target, "tar", "--compare", "-f", tarball))).To(BeEmpty())

		var hole unix.Stat_t
		Expect(unix.Stat(filepath.Join(target, "hole"), &hole)).To(Succeed())
		Expect(hole.Size).To(Equal(int64(20<<20 + 4)))
		Expect(hole.Blocks*512).To(BeNumerically("<", 1<<20), "the hole takes no space")
	},
	Entry("in the POSIX format", "--format=posix", "--xattrs"),
	Entry("in the GNU format", "--format=gnu"),
	Entry("with sparse files of version 0.1", "--format=posix", "--xattrs", "--sparse-version=0.1"),
)

func tree(dir string) {
	at := func(name string) string { return filepath.Join(dir, name) }
	Expect(os.MkdirAll(at("usr/bin"), 0o755)).To(Succeed())
	Expect(os.MkdirAll(at(strings.Repeat("long-name-of-a-directory/", 10)), 0o755)).To(Succeed())
	Expect(os.WriteFile(at(strings.Repeat("long-name-of-a-directory/", 10)+"f"), []byte("deep"), 0o640)).To(Succeed())
	Expect(os.WriteFile(at("usr/bin/su"), []byte("su"), 0o755)).To(Succeed())
	if os.Geteuid() == 0 { // who then changes its mode: a new owner takes setuid away
		Expect(os.Chown(at("usr/bin/su"), 1234, 5678)).To(Succeed())
	}
	Expect(os.Chmod(at("usr/bin/su"), 0o755|os.ModeSetuid)).To(Succeed())
	Expect(os.Link(at("usr/bin/su"), at("usr/bin/sudo"))).To(Succeed())
	Expect(os.Symlink("/usr/bin", at("bin"))).To(Succeed())
	Expect(os.WriteFile(at("odd name\nwith a newline"), []byte("odd"), 0o600)).To(Succeed())
	Expect(unix.Mkfifo(at("fifo"), 0o600)).To(Succeed())
	if os.Geteuid() == 0 {
		for _, name := range []string{"usr", "bin", "fifo"} {
			Expect(os.Lchown(at(name), 1234, 5678)).To(Succeed())
		}
	}
	Expect(unix.Setxattr(at("usr/bin/su"), "user.note", []byte("kept"), 0)).To(Succeed())
	f, err := os.Create(at("hole"))
	Expect(err).NotTo(HaveOccurred())
	defer f.Close()
	_, err = f.WriteAt([]byte("tail"), 20<<20)
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(at("ends-in-a-hole"), []byte("head"), 0o600)).To(Succeed())
	Expect(os.Truncate(at("ends-in-a-hole"), 300_000)).To(Succeed())
	Expect(os.Mkdir(at("read-only"), 0o755)).To(Succeed())
	Expect(os.WriteFile(at("read-only/f"), []byte("x"), 0o444)).To(Succeed())
	Expect(os.Chmod(at("read-only"), 0o555)).To(Succeed())
}

func run(dir string, argv ...string) []byte {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	Expect(err).NotTo(HaveOccurred(), "%s%s", out, &stderr)
	return out
}

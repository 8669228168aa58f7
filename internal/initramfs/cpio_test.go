package initramfs_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/initramfs"
)

var _ = Describe("the archive", func() {
	var files *initramfs.Tree

	BeforeEach(func() {
		files = initramfs.NewTree()
		files.Dir("/tmp", 0o1777)
		files.File("/etc/deep/below/file", 0o640, []byte("odd"))
		files.File("/empty", 0o644, nil)
		files.Link("/bin", "usr/bin")
		files.File("/bin/sh", 0o755, bytes.Repeat([]byte{0, 1, 2, 3, 4}, 1001))
		files.Device("/dev/console", 0o600, 5, 1)
	})

	pack := func(seconds uint32) []byte {
		GinkgoHelper()
		var out bytes.Buffer
		Expect(files.WriteCPIO(&out, seconds)).To(Succeed())
		return out.Bytes()
	}
	gnu := func(args ...string) string {
		GinkgoHelper()
		cmd := exec.Command(tool("cpio"), args...)
		cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
		cmd.Dir, cmd.Stdin, cmd.Stderr = GinkgoT().TempDir(), bytes.NewReader(pack(0)), GinkgoWriter
		out, err := cmd.Output()
		Expect(err).NotTo(HaveOccurred())
		return string(out)
	}

	It("is listed by GNU cpio: sorted, of root, without times", func() {
		lines := strings.Split(strings.TrimSpace(gnu("-itv", "--quiet", "--numeric-uid-gid")), "\n")
		for i, line := range lines {
			lines[i] = strings.Join(strings.Fields(line), " ")
		}
		Expect(lines).To(Equal([]string{
			"drwxr-xr-x 2 0 0 0 Jan 1 1970 .",
			"lrwxrwxrwx 1 0 0 7 Jan 1 1970 bin -> usr/bin",
			"drwxr-xr-x 2 0 0 0 Jan 1 1970 dev",
			"crw------- 1 0 0 5, 1 Jan 1 1970 dev/console",
			"-rw-r--r-- 1 0 0 0 Jan 1 1970 empty",
			"drwxr-xr-x 2 0 0 0 Jan 1 1970 etc",
			"drwxr-xr-x 2 0 0 0 Jan 1 1970 etc/deep",
			"drwxr-xr-x 2 0 0 0 Jan 1 1970 etc/deep/below",
			"-rw-r----- 1 0 0 3 Jan 1 1970 etc/deep/below/file",
			"drwxrwxrwt 2 0 0 0 Jan 1 1970 tmp",
			"drwxr-xr-x 2 0 0 0 Jan 1 1970 usr",
			"drwxr-xr-x 2 0 0 0 Jan 1 1970 usr/bin",
			"-rwxr-xr-x 1 0 0 5005 Jan 1 1970 usr/bin/sh",
		}))
	})

	It("is unpacked by GNU cpio to what was put in", func() {
		dir := GinkgoT().TempDir()
		cmd := exec.Command(tool("cpio"), "-id", "--quiet", "etc/*", "usr/*", "bin", "empty")
		cmd.Dir, cmd.Stdin, cmd.Stderr = dir, bytes.NewReader(pack(0)), GinkgoWriter
		Expect(cmd.Run()).To(Succeed())
		Expect(os.ReadFile(filepath.Join(dir, "etc/deep/below/file"))).To(BeEquivalentTo("odd"))
		Expect(os.ReadFile(filepath.Join(dir, "bin/sh"))).To(Equal(bytes.Repeat([]byte{0, 1, 2, 3, 4}, 1001)))
	})

	It("is the same bytes for the same files, whatever the order they came in", func() {
		first := pack(7)
		other := initramfs.NewTree()
		other.Device("/dev/console", 0o600, 5, 1)
		other.Link("/bin", "usr/bin")
		other.File("/bin/sh", 0o755, bytes.Repeat([]byte{0, 1, 2, 3, 4}, 1001))
		other.File("/empty", 0o644, nil)
		other.File("/etc/deep/below/file", 0o640, []byte("odd"))
		other.Dir("/tmp", 0o1777)
		files = other
		Expect(pack(7)).To(Equal(first))
		Expect(pack(8)).NotTo(Equal(first))
	})
})

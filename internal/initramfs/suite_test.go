package initramfs_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/initramfs"
)

func TestSpecs(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "initramfs")
}

// static is a program that needs no libraries.
var static string

var _ = SynchronizedBeforeSuite(func() []byte {
	dir, err := os.MkdirTemp("", "initramfs-")
	Expect(err).NotTo(HaveOccurred())
	source := filepath.Join(dir, "main.go")
	Expect(os.WriteFile(source, []byte("package main\n\nfunc main() { println(\"the agent\") }\n"), 0o600)).To(Succeed())
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, "agent"), source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = GinkgoWriter
	Expect(build.Run()).To(Succeed())
	return []byte(dir)
}, func(dir []byte) { static = filepath.Join(string(dir), "agent") })

var _ = SynchronizedAfterSuite(func() {}, func() { os.RemoveAll(filepath.Dir(static)) })

// tree is a file system to build from: path -> content, "-> TARGET" for links.
func tree(files map[string]string) string {
	GinkgoHelper()
	root := GinkgoT().TempDir()
	for name, content := range files {
		place := filepath.Join(root, name)
		Expect(os.MkdirAll(filepath.Dir(place), 0o755)).To(Succeed())
		Expect(os.WriteFile(place, []byte(content), 0o755)).To(Succeed())
	}
	return root
}

// unpack has GNU cpio unpack an initrd, which needs the right to make devices.
func unpack(initrd []byte) string {
	GinkgoHelper()
	return unpackCPIO(inflate(initrd))
}

func unpackCPIO(pack []byte) string {
	GinkgoHelper()
	dir := GinkgoT().TempDir()
	cmd := exec.Command(tool("cpio"), "-idm", "--quiet", "--no-absolute-filenames")
	cmd.Dir, cmd.Stdin, cmd.Stderr = dir, bytes.NewReader(pack), GinkgoWriter
	Expect(cmd.Run()).To(Succeed())
	return dir
}

func inflate(initrd []byte) []byte {
	GinkgoHelper()
	z, err := zstd.NewReader(nil)
	Expect(err).NotTo(HaveOccurred())
	defer z.Close()
	pack, err := z.DecodeAll(initrd, nil)
	Expect(err).NotTo(HaveOccurred())
	return pack
}

// tool finds a program, or skips the spec.
func tool(name string) string {
	GinkgoHelper()
	path, err := exec.LookPath(name)
	if err != nil {
		Skip(name + " is not installed")
	}
	return path
}

func initrdOf(s *initramfs.System) []byte {
	GinkgoHelper()
	var out bytes.Buffer
	Expect(s.WriteInitrd(&out, 0)).To(Succeed())
	return out.Bytes()
}

// packOf is the archive without its compression, which takes minutes with the race detector.
func packOf(s *initramfs.System) []byte {
	GinkgoHelper()
	var out bytes.Buffer
	Expect(s.Tree.WriteCPIO(&out, 0)).To(Succeed())
	return out.Bytes()
}

// here builds of this machine, or skips the spec when it has not what is needed.
func here() *initramfs.System {
	GinkgoHelper()
	s, err := initramfs.Build(context.Background(), initramfs.Config{Agent: static})
	if err != nil {
		Skip("this machine has not all that a deployment system needs: " + err.Error())
	}
	return s
}

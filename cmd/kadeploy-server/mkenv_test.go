package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
)

var _ = Describe("mkenv", func() {
	It("makes what nodes boot, the same bytes each time, and says what is in it", func() {
		dir := GinkgoT().TempDir()
		key := filepath.Join(dir, "key")
		Expect(exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).Run()).To(Succeed())
		mkenv := func(out string) string {
			GinkgoHelper()
			session := finished(exec.Command(filepath.Join(built, "bin", "kadeploy-server"), "mkenv", "-o", filepath.Join(dir, out),
				"--module", "dummy", "--tool", "getconf", "--authorized-keys", key+".pub"))
			if session.ExitCode() == 1 && bytes.Contains(session.Err.Contents(), []byte("not on this machine")) {
				Skip(string(session.Err.Contents()))
			}
			Expect(session).To(gexec.Exit(0))
			return string(session.Out.Contents())
		}
		content := func(path ...string) []byte {
			GinkgoHelper()
			text, err := os.ReadFile(filepath.Join(path...))
			Expect(err).NotTo(HaveOccurred())
			return text
		}
		first := mkenv("first")
		Expect(first).To(MatchRegexp(`^\S+/first/vmlinuz-kadeploy  [\d.]+ MB  kernel \S+\n` +
			`\S+/first/initrd-kadeploy  [\d.]+ MB  [\d.]+ MB unpacked: agent [\d.]+ MB, \d+ modules [\d.]+ MB, \d+ programs and \d+ of busybox [\d.]+ MB, boot loaders [\d.]+ MB\n`))
		Expect(first).To(HaveSuffix("/first is below tftp_images_path):\n   deploy_kernel = vmlinuz-kadeploy\n   deploy_initrd = initrd-kadeploy\n"))
		z, err := zstd.NewReader(nil)
		Expect(err).NotTo(HaveOccurred())
		defer z.Close()
		pack, err := z.DecodeAll(content(dir, "first/initrd-kadeploy"), nil)
		Expect(err).NotTo(HaveOccurred())
		for what, want := range map[string][]byte{
			"the agent": content(built, "bin/kadeploy-agent"), "--module": []byte("/kernel/drivers/net/dummy.ko\x00"),
			"--tool": []byte("usr/bin/getconf\x00"), "--authorized-keys": content(dir, "key.pub"),
		} {
			Expect(bytes.Contains(pack, want)).To(BeTrue(), what)
		}

		mkenv("second")
		Expect(bytes.Equal(content(dir, "second/initrd-kadeploy"), content(dir, "first/initrd-kadeploy"))).To(BeTrue())
		Expect(bytes.Equal(content(dir, "second/vmlinuz-kadeploy"), content(dir, "first/vmlinuz-kadeploy"))).To(BeTrue())
	})
})

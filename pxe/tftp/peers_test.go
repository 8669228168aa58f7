//go:build peers

package tftp_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// With the tag peers, the tools that others use must be installed: here tftp-hpa's client.
var _ = Describe("tftp-hpa's client", func() {
	get := func(r *rig, mode, name string) (string, string) {
		GinkgoHelper()
		to := filepath.Join(GinkgoT().TempDir(), "got")
		port := strconv.Itoa(int(r.server.Addr().Port()))
		out, err := exec.Command("tftp", "-v", "-m", mode, "127.0.0.1", port, "-c", "get", name, to).CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
		return to, string(out)
	}

	It("gets a kernel as it is", func() {
		r := start(nil)
		want := r.file("kernels/vmlinuz", 3_000_001)
		to, _ := get(r, "binary", "kernels/vmlinuz")
		got, err := os.ReadFile(to)
		Expect(err).NotTo(HaveOccurred())
		Expect(bytes.Equal(got, want)).To(BeTrue())
	})

	It("gets a profile in text mode", func() {
		r := start(nil)
		Expect(os.WriteFile(filepath.Join(r.root, "profile"), []byte("DEFAULT a\nLABEL a\n"), 0o644)).To(Succeed())
		to, _ := get(r, "ascii", "profile")
		Expect(os.ReadFile(to)).To(BeEquivalentTo("DEFAULT a\nLABEL a\n"))
	})

	It("is told that a file is missing", func() {
		_, out := get(start(nil), "binary", "nothing")
		Expect(out).To(ContainSubstring("file not found"))
	})
})

package phonehome_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/phonehome"
)

var _ = Describe("A note that is laid into a system", func() {
	var dir string
	BeforeEach(func() { dir = GinkgoT().TempDir() })
	at := func(file string) string { return filepath.Join(dir, file) }
	lay := func() error {
		GinkgoHelper()
		root, err := os.OpenRoot(dir)
		Expect(err).NotTo(HaveOccurred())
		defer root.Close()
		return phonehome.Install(root, note)
	}

	It("is for root only, beside the script, in one without systemd", func() {
		Expect(lay()).To(Succeed())
		Expect(os.ReadFile(at(phonehome.File))).To(Equal(note.Text()))
		info, err := os.Stat(at(phonehome.File))
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode()).To(Equal(os.FileMode(0o600)))
		Expect(os.ReadFile(at("etc/kadeploy/phone-home.sh"))).To(HavePrefix("#!/bin/sh"))
		Expect(at("etc/systemd")).NotTo(BeADirectory())
	})

	DescribeTable("has systemd call", func(sign string) {
		Expect(os.MkdirAll(at(sign), 0o755)).To(Succeed())
		Expect(lay()).To(Succeed())
		Expect(lay()).To(Succeed(), "as often as it is tried")
		Expect(os.ReadFile(at("etc/systemd/system/multi-user.target.wants/kadeploy-phone-home.service"))).
			To(ContainSubstring("ExecStart=/bin/sh /etc/kadeploy/phone-home.sh\n"))
	},
		Entry("which has settings", "etc/systemd"),
		Entry("which is in /lib", "lib/systemd"),
		Entry("which is in /usr/lib", "usr/lib/systemd"),
	)

	It("replaces that of an image which was made of a deployed system", func() {
		Expect(os.MkdirAll(at("etc/kadeploy"), 0o755)).To(Succeed())
		Expect(os.WriteFile(at(phonehome.File), []byte("old"), 0o644)).To(Succeed())
		Expect(lay()).To(Succeed())
		Expect(os.ReadFile(at(phonehome.File))).To(Equal(note.Text()))
	})

	It("stays in the system, whose links lead nowhere else", func() {
		outside := GinkgoT().TempDir()
		Expect(os.Symlink("/private/etc", at("etc"))).To(Succeed())
		Expect(os.MkdirAll(at("private/etc"), 0o755)).To(Succeed())
		Expect(os.Symlink("../../../../../../../.."+outside, at("private/etc/kadeploy"))).To(Succeed())
		Expect(lay()).NotTo(Succeed())
		Expect(os.ReadDir(outside)).To(BeEmpty())
	})
})

var _ = Describe("The script of a deployed system", func() {
	var called atomic.Pointer[string]
	var refusals atomic.Int32
	var server *httptest.Server
	var file string

	BeforeEach(func() {
		called.Store(nil)
		refusals.Store(0)
		server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if refusals.Add(-1) >= 0 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			body, _ := io.ReadAll(r.Body)
			text := r.Method + " " + r.URL.Path + "\n" + string(body)
			called.Store(&text)
			w.WriteHeader(http.StatusNoContent)
		}))
		DeferCleanup(server.Close)
		file = filepath.Join(GinkgoT().TempDir(), "note")
	})

	// run runs the script in a system that has these programs only.
	run := func(programs ...string) {
		GinkgoHelper()
		bin := GinkgoT().TempDir()
		for _, p := range append(programs, "sh", "sleep", "rm") {
			path, err := exec.LookPath(p)
			if err != nil {
				Skip(p + " is not installed")
			}
			Expect(os.Symlink(path, filepath.Join(bin, p))).To(Succeed())
		}
		n := note
		n.URL = server.URL + "/phone-home/node-1"
		Expect(os.WriteFile(file, n.Text(), 0o600)).To(Succeed())
		script := filepath.Join(GinkgoT().TempDir(), "script")
		Expect(os.WriteFile(script, phonehome.ScriptText, 0o755)).To(Succeed())
		cmd := exec.Command("sh", script, file)
		cmd.Env = []string{"PATH=" + bin, "http_proxy=http://127.0.0.1:1"}
		if programs[0] == "busybox" { // which has no word for: none
			cmd.Env = cmd.Env[:1]
		}
		out, err := cmd.CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
		Expect(out).To(BeEmpty())
		Expect(*called.Load()).To(Equal("POST /phone-home/node-1\n" + string(n.Text())))
		Expect(file).NotTo(BeAnExistingFile(), "it is worth nothing any more")
	}

	It("calls by curl", func() { run("curl") })
	It("calls by wget", func() { run("wget") })
	It("calls by the wget of busybox", func() { run("busybox") })

	It("calls again until it is heard", func() {
		refusals.Store(1)
		run("curl")
	})

	It("has nothing to do without a note", func() {
		script := filepath.Join(GinkgoT().TempDir(), "script")
		Expect(os.WriteFile(script, phonehome.ScriptText, 0o755)).To(Succeed())
		Expect(exec.Command("sh", script, file).Run()).To(Succeed())
		Expect(called.Load()).To(BeNil())
	})
})

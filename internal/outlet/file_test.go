package outlet_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/outlet"
)

// data is more than any pipe holds.
var data = bytes.Repeat([]byte("0123456789abcdef"), 1<<16)

var errLost = errors.New("the transfer was lost")

// fill writes all of it in the pieces a chain would, and commits.
func fill(o outlet.Outlet, all []byte) error {
	for len(all) > 0 {
		n := min(len(all), 100_000)
		if _, err := o.Write(all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return o.Close()
}

// filling fills in the background.
func filling(o outlet.Outlet, all []byte) <-chan error {
	end := make(chan error, 1)
	go func() { end <- fill(o, all) }()
	return end
}

func open(path string, sync bool) outlet.Outlet {
	GinkgoHelper()
	o, err := outlet.File(path, sync)
	Expect(err).NotTo(HaveOccurred())
	return o
}

var _ = Describe("a regular file", func() {
	var dir, path string

	BeforeEach(func() {
		dir = GinkgoT().TempDir()
		path = filepath.Join(dir, "image")
	})

	It("is whole when it appears", func() {
		o := open(path, true)
		Expect(o.Write(data)).To(Equal(len(data)))
		Expect(path).NotTo(BeAnExistingFile())
		Expect(o.Close()).To(Succeed())
		Expect(os.ReadFile(path)).To(Equal(data))
	})

	It("leaves nothing behind when it is given up", func() {
		o := open(path, false)
		Expect(o.Write(data)).To(Equal(len(data)))
		o.Abort(errLost)
		o.Abort(errLost)
		Expect(os.ReadDir(dir)).To(BeEmpty())
		Expect(o.Close()).NotTo(Succeed())
	})

	It("is refused at once where none can be", func() {
		_, err := outlet.File(filepath.Join(dir, "none", "image"), false)
		Expect(err).To(MatchError("no such file or directory"))
		_, err = outlet.File(dir, false)
		Expect(err).To(MatchError("is a directory, not a file"))
	})
})

var _ = Describe("a device", func() {
	It("is written to", func() { Expect(fill(open("/dev/null", true), data)).To(Succeed()) })

	It("says that it is full", func() { Expect(fill(open("/dev/full", false), data)).To(MatchError("no space left on device")) })
})

var _ = Describe("a named pipe", func() {
	var path string

	BeforeEach(func() {
		path = filepath.Join(GinkgoT().TempDir(), "pipe")
		Expect(unix.Mkfifo(path, 0o600)).To(Succeed())
	})
	It("waits for its reader", func() {
		end := filling(open(path, false), data)
		r, err := os.Open(path)
		Expect(err).NotTo(HaveOccurred())
		defer r.Close()
		Expect(io.ReadAll(r)).To(Equal(data))
		Eventually(end).Should(Receive(BeNil()))
	})

	It("shows its reader the end of nothing, too", func() {
		end := filling(open(path, false), nil)
		r, err := os.Open(path)
		Expect(err).NotTo(HaveOccurred())
		defer r.Close()
		Expect(io.ReadAll(r)).To(BeEmpty())
		Eventually(end).Should(Receive(BeNil()))
	})

	It("lets go of a write that nobody reads when it is given up", func() {
		o := open(path, false)
		end := filling(o, data)
		Consistently(end, "100ms").ShouldNot(Receive())
		o.Abort(errLost)
		Eventually(end).Should(Receive(HaveOccurred()))
	})

	It("lets go of a write to a reader that does not read", func() {
		o := open(path, false)
		end := filling(o, data)
		r, err := os.Open(path)
		Expect(err).NotTo(HaveOccurred())
		defer r.Close()
		Expect(r.Read(make([]byte, 1))).To(Equal(1))
		o.Abort(errLost)
		Eventually(end).Should(Receive(HaveOccurred()))
	})

	It("fails when its reader leaves", func() {
		o := open(path, false)
		end := filling(o, data)
		r, err := os.Open(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Read(make([]byte, 1))).To(Equal(1))
		r.Close()
		Eventually(end).Should(Receive(MatchError("broken pipe")))
	})
})

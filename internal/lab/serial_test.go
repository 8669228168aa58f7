package lab_test

import (
	"context"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/lab"
)

var _ = Describe("A serial console", func() {
	var path string
	var serial lab.Serial

	BeforeEach(func() {
		path = filepath.Join(GinkgoT().TempDir(), "serial.log")
		serial = lab.NewSerial("node-1", path)
	})

	write := func(text string) {
		GinkgoHelper()
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		Expect(err).NotTo(HaveOccurred())
		_, err = f.WriteString(text)
		Expect(err).NotTo(HaveOccurred())
		Expect(f.Close()).To(Succeed())
	}

	wait := func(m lab.Mark, pattern string, patience time.Duration) ([]string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return serial.Wait(ctx, m, pattern)
	}

	It("is searched without the codes that colour it", func() {
		write("\x1b[0;1miPXE 1.0\x1b[0m\r\n\x1bc\x1b[?7l\x1b[2Jup root=/dev/vda1\r\n")
		Expect(wait(0, `up root=(\S+)\n`, time.Minute)).To(Equal([]string{"up root=/dev/vda1\n", "/dev/vda1"}))
	})

	It("does not find before a mark what was written after it, nor the other way round", func() {
		Expect(serial.Mark()).To(BeZero())
		write("up 1\n")
		mark := serial.Mark()
		Expect(wait(0, "up (.)", time.Minute)).To(HaveExactElements("up 1", "1"))
		write("up 2\n")
		Expect(wait(mark, "up (.)", time.Minute)).To(HaveExactElements("up 2", "2"))
	})

	It("says what it ends with when the text does not come", func() {
		write("one\ntwo\nKernel panic\n")
		_, err := wait(0, "up", time.Millisecond)
		Expect(err).To(MatchError(And(ContainSubstring(`console of node-1: "up" was not seen`), HaveSuffix("Kernel panic"))))
		Expect(err).To(MatchError(context.DeadlineExceeded))
	})
})

//go:build qemu

package linux_test

import (
	"math/rand/v2"
	"os"
	"sync"
	"time"
	"unsafe"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"
)

// What the specs stand on: with one processor and no room for another, QEMU's NVMe disk stood still within the first three thousand writes
// (see lab.Processor).
var _ = Describe("A real disk of these machines", func() {
	for _, device := range []string{"/dev/vda", "/dev/nvme0n1"} {
		It("does not miss a write of many at once: "+device, func() {
			if !inMachine {
				Skip("runs in a machine of its own: TestRealDisks starts it")
			}
			disk, err := os.OpenFile(device, os.O_RDWR|unix.O_DIRECT, 0)
			Expect(err).NotTo(HaveOccurred())
			defer disk.Close()
			var writers sync.WaitGroup
			for range 16 {
				writers.Go(func() {
					defer GinkgoRecover()
					page := aligned()
					for range 1000 {
						start := time.Now()
						_, err := disk.WriteAt(page, rand.Int64N(200_000)*int64(len(page)))
						Expect(err).NotTo(HaveOccurred())
						Expect(time.Since(start)).To(BeNumerically("<", 20*time.Second), "one that was missed takes the 30 s of the kernel's patience")
					}
				})
			}
			writers.Wait()
		})
	}
})

// aligned is a page of memory that begins where O_DIRECT wants it.
func aligned() []byte {
	const size = 4096
	memory := make([]byte, 2*size)
	return memory[size-int(uintptr(unsafe.Pointer(&memory[0]))%size):][:size]
}

package wording_test

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/wording"
)

func TestWording(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "wording")
}

var _ = DescribeTable("a size in words", func(bytes uint64, want string) { Expect(wording.Size(bytes)).To(Equal(want)) },
	Entry(nil, uint64(0), "0 B"), Entry(nil, uint64(1023), "1023 B"), Entry(nil, uint64(1024), "1.0 KiB"),
	Entry(nil, uint64(1288490189), "1.2 GiB"), Entry(nil, ^uint64(0), "16.0 EiB"))

var _ = DescribeTable("a time in words", func(d time.Duration, want string) { Expect(wording.Elapsed(d)).To(Equal(want)) },
	Entry(nil, -time.Second, "0.0 s"), Entry(nil, 6200*time.Millisecond, "6.2 s"), Entry(nil, 99949*time.Millisecond, "99.9 s"),
	Entry(nil, 99950*time.Millisecond, "1 min 39 s"), Entry(nil, 3599*time.Second, "59 min 59 s"), Entry(nil, 3720*time.Second, "1 h 02 min"))

var _ = Describe("a clean text", func() {
	It("is one bounded line", func() {
		long := make([]byte, 10000)
		for i := range long {
			long[i] = 'x'
		}
		Expect(wording.Clean(" a\r\nb\x00 ")).To(Equal("a  b"))
		Expect(len(wording.Clean(string(long)))).To(Equal(503))
		Expect(wording.Clean("naïve 漢字 \xff")).To(Equal("naïve 漢字 \ufffd"))
	})
})

package broadcast_test

import (
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/broadcast"
)

var _ = Describe("a key", func() {
	digits := strings.Repeat("0123456789abcdef", 4)

	It("is made anew each time, as 64 digits that are read as they are", func() {
		text := broadcast.NewKey()
		Expect(text).To(MatchRegexp("^[0-9a-f]{64}$"))
		Expect(broadcast.NewKey()).NotTo(Equal(text))
		k, err := broadcast.ParseKey([]byte(digits + "\n"))
		Expect(err).NotTo(HaveOccurred())
		Expect(k[:4]).To(Equal([]byte{0x01, 0x23, 0x45, 0x67}))
	})

	It("may be any other secret, whatever blanks surround it", func() {
		a, err := broadcast.ParseKey([]byte("correct horse battery"))
		Expect(err).NotTo(HaveOccurred())
		Expect(broadcast.ParseKey([]byte("\tcorrect horse battery\n"))).To(Equal(a))
		Expect(broadcast.ParseKey([]byte("correct horse batterz"))).NotTo(Equal(a))
		Expect(broadcast.ParseKey([]byte(strings.Repeat("x", 64)))).NotTo(Equal(a))
	})

	It("is refused when it is short, without being repeated", func() {
		_, err := broadcast.ParseKey([]byte("hunter2"))
		Expect(err).To(MatchError(And(ContainSubstring("7 bytes are too short"), Not(ContainSubstring("hunter2")))))
	})

	When("it is in a file", func() {
		var name string
		BeforeEach(func() {
			name = filepath.Join(GinkgoT().TempDir(), "key")
			Expect(os.WriteFile(name, []byte(digits), 0o600)).To(Succeed())
		})

		It("is read without a word when it is its owner's alone", func() {
			k, warning, err := broadcast.ReadKey(name, nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(broadcast.ParseKey([]byte(digits))).To(Equal(k))
			Expect(warning).To(BeEmpty())
		})

		It("is read with a warning when others may read it", func() {
			Expect(os.Chmod(name, 0o640)).To(Succeed())
			_, warning, err := broadcast.ReadKey(name, nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(warning).To(ContainSubstring("chmod 600 " + name))
		})

		It("is named when it cannot be used", func() {
			_, _, err := broadcast.ReadKey(name+"x", nil)
			Expect(err).To(MatchError(ContainSubstring("no such file")))
			Expect(os.Truncate(name, 3)).To(Succeed())
			_, _, err = broadcast.ReadKey(name, nil)
			Expect(err).To(MatchError(HavePrefix("key file " + name + ": 3 bytes are too short")))
			Expect(os.Truncate(name, 1<<20)).To(Succeed())
			_, _, err = broadcast.ReadKey(name, nil)
			Expect(err).To(MatchError(ContainSubstring("too long")))
		})
	})

	It("may come on standard input", func() {
		k, _, err := broadcast.ReadKey("-", strings.NewReader(digits))
		Expect(err).NotTo(HaveOccurred())
		Expect(broadcast.ParseKey([]byte(digits))).To(Equal(k))
	})
})

var _ = DescribeTable("a size", func(text string, want int) {
	Expect(broadcast.ParseSize(text)).To(BeEquivalentTo(want))
},
	Entry(nil, "4096", 4096), Entry(nil, "64K", 64<<10), Entry(nil, "64k", 64<<10), Entry(nil, "1.5M", 3<<19),
	Entry(nil, "2GiB", 2<<30), Entry(nil, "2GB", 2<<30), Entry(nil, "100B", 100))

var _ = DescribeTable("a rate", func(text string, want int) {
	Expect(broadcast.ParseRate(text)).To(BeEquivalentTo(want))
},
	Entry(nil, "100M", 100<<20), Entry(nil, "100M/s", 100<<20), Entry(nil, "800Mbit", 100_000_000), Entry(nil, "10Gbit", 1_250_000_000), Entry(nil, "64kbit", 8000))

var _ = DescribeTable("no size and no rate", func(text string) {
	_, err := broadcast.ParseSize(text)
	Expect(err).To(MatchError(ContainSubstring("want a size")))
	_, err = broadcast.ParseRate(text)
	Expect(err).To(MatchError(ContainSubstring("want bytes per second")))
},
	Entry(nil, ""), Entry(nil, "0"), Entry(nil, "-1"), Entry(nil, "K"), Entry(nil, "fast"), Entry(nil, "1e400"), Entry(nil, "NaN"), Entry(nil, "1X"))

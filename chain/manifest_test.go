package chain_test

import (
	"bytes"
	"errors"
	"io"
	"testing/iotest"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/chain"
)

var _ = Describe("A manifest", func() {
	DescribeTable("has a digest for each chunk of its image", func(size, chunks int) {
		m, err := chain.BuildManifest(bytes.NewReader(image(size)), 4096)
		Expect(err).NotTo(HaveOccurred())
		Expect(m.Size).To(BeEquivalentTo(size))
		Expect(m.Chunks).To(HaveLen(chunks))
		again, err := chain.DecodeManifest(m.Encode())
		Expect(err).NotTo(HaveOccurred())
		Expect(again.Digest()).To(Equal(m.Digest()))
	},
		Entry("empty", 0, 0), Entry("one byte", 1, 1), Entry("a chunk less one", 4095, 1), Entry("a chunk", 4096, 1),
		Entry("a chunk and one", 4097, 2), Entry("many", 10*4096, 10),
	)

	It("changes with every byte of the image, and with its chunk size", func() {
		digest := func(p []byte, chunkSize int) chain.Digest {
			m, err := chain.BuildManifest(bytes.NewReader(p), chunkSize)
			Expect(err).NotTo(HaveOccurred())
			return m.Digest()
		}
		p := image(3 * 4096)
		before := digest(p, 4096)
		Expect(digest(p, 8192)).NotTo(Equal(before))
		Expect(digest(p[:len(p)-1], 4096)).NotTo(Equal(before))
		p[5000] ^= 1
		Expect(digest(p, 4096)).NotTo(Equal(before))
	})

	It("does not take a read error for the end of the image", func() {
		broken := io.MultiReader(bytes.NewReader(image(5000)), iotest.ErrReader(errors.New("disk")))
		_, err := chain.BuildManifest(broken, 4096)
		Expect(err).To(MatchError("build manifest at byte 5000: disk"))
	})

	DescribeTable("is refused when it is damaged", func(damage func([]byte) []byte) {
		m, err := chain.BuildManifest(bytes.NewReader(image(3*4096)), 4096)
		Expect(err).NotTo(HaveOccurred())
		_, err = chain.DecodeManifest(damage(m.Encode()))
		Expect(err).To(HaveOccurred())
	},
		Entry("empty", func(b []byte) []byte { return nil }),
		Entry("cut", func(b []byte) []byte { return b[:len(b)-1] }),
		Entry("longer", func(b []byte) []byte { return append(b, 0) }),
		Entry("another version", func(b []byte) []byte { b[4] = 2; return b }),
		Entry("a size that is not that of its chunks", func(b []byte) []byte { b[14] = 0xff; return b }),
		Entry("a huge size", func(b []byte) []byte { b[8] = 0xff; return b }),
		Entry("a chunk size of nothing", func(b []byte) []byte { copy(b[16:], []byte{0, 0, 0, 0}); return b }),
	)

	It("is not built with an absurd chunk size", func() {
		for _, size := range []int{-1, 1, 1 << 30} {
			_, err := chain.BuildManifest(bytes.NewReader(nil), size)
			Expect(err).To(MatchError(ContainSubstring("chunk size")))
		}
	})
})

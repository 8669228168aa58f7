package image_test

import (
	"bytes"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/image"
)

var _ = Describe("The first sector of a raw image", func() {
	marked := make([]byte, 4096)
	copy(marked[510:], []byte{0x55, 0xaa})

	check := func(compression string, content []byte) error {
		GinkgoHelper()
		img, err := catalogue(nil).Prepare(background(), config.Image{Path: write("raw", pack(compression, content)), Kind: "dd", Compression: compression}, nil)
		Expect(err).NotTo(HaveOccurred())
		return image.CheckBootSector(img)
	}

	DescribeTable("is a boot sector when it has the mark of one, in any compression",
		func(compression string) { Expect(check(compression, marked)).To(Succeed()) },
		Entry(nil, "none"), Entry(nil, "gzip"), Entry(nil, "zstd"), Entry(nil, "xz"),
	)

	DescribeTable("is none, and starts nothing, without it",
		func(content []byte) {
			Expect(check("gzip", content)).To(MatchError("image raw cannot be started: its first 512 bytes are no boot sector, which ends with 55 AA"))
		},
		Entry("a file system alone", bytes.Repeat([]byte("fs"), 2048)), Entry("less than a sector", []byte("fs")),
	)
})

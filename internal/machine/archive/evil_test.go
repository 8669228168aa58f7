package archive_test

import (
	"errors"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/machine/archive"
)

var _ = Describe("An archive that reaches for what is outside", func() {
	var target, secret string

	BeforeEach(func() {
		base := GinkgoT().TempDir()
		target, secret = filepath.Join(base, "target"), filepath.Join(base, "secret")
		Expect(os.Mkdir(target, 0o755)).To(Succeed())
		Expect(os.WriteFile(secret, []byte("outside"), 0o600)).To(Succeed())
	})

	DescribeTable("is refused, and the member is named",
		func(name string, members func() []member) {
			_, err := extract(target, members()...)
			var refused *archive.RefusedError
			Expect(errors.As(err, &refused)).To(BeTrue(), "%v", err)
			Expect(refused.Member).To(Equal(name))
			Expect(read(secret)).To(Equal("outside"))
			Expect(filepath.Glob(filepath.Join(filepath.Dir(target), "*"))).To(ConsistOf(target, secret))
		},
		Entry("by ..", "../x", func() []member { return []member{file("../x", "!")} }),
		Entry("by .. in the middle", "a/../../x", func() []member { return []member{file("a/../../x", "!")} }),
		Entry("by an absolute link to a directory", "out/x", func() []member { return []member{link("out", filepath.Dir(target)), file("out/x", "!")} }),
		Entry("by a relative link to a directory", "out/x", func() []member { return []member{link("out", ".."), file("out/x", "!")} }),
		Entry("by a chain of links", "b/x", func() []member { return []member{link("a", ".."), link("b", "a"), file("b/x", "!")} }),
		Entry("by a new directory below a link", "out/d", func() []member { return []member{link("out", ".."), dir("out/d", 0o755)} }),
		Entry("by a link below a link", "out/l", func() []member { return []member{link("out", ".."), link("out/l", "x")} }),
		Entry("by an absolute hard link", "h", func() []member { return []member{hard("h", secret)} }),
		Entry("by a hard link with ..", "h", func() []member { return []member{hard("h", "../secret")} }),
		Entry("by a hard link through a link", "h", func() []member { return []member{link("out", ".."), hard("h", "out/secret")} }),
		Entry("by replacing the target", ".", func() []member { return []member{link(".", "/etc")} }),
	)

	It("does not change a file behind a link of the same name", func() {
		_, err := extract(target, link("x", secret), file("x", "mine"))
		Expect(err).NotTo(HaveOccurred())
		Expect(read(secret)).To(Equal("outside"))
	})

	It("does not change a file behind a hard link to a link", func() {
		_, err := extract(target, link("x", secret), hard("y", "x"), file("y", "mine"))
		Expect(err).NotTo(HaveOccurred())
		Expect(read(secret)).To(Equal("outside"))
	})

	It("meets no handle of a directory that a link has replaced", func() {
		_, err := extract(target, dir("d", 0o755), file("d/a", "1"), dir("e", 0o755), link("l", "d"), file("l/b", "2"), link("l", "e"), file("l/c", "3"))
		Expect(err).NotTo(HaveOccurred())
		Expect(read(filepath.Join(target, "d/b"))).To(Equal("2"))
		Expect(read(filepath.Join(target, "e/c"))).To(Equal("3"))
	})
})

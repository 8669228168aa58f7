package labimage_test

import (
	"errors"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/lab/labimage"
)

var _ = Describe("The cache", func() {
	fill := func(dir string) error {
		return errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, "file"), nil, 0o644))
	}

	BeforeEach(func() { GinkgoT().Setenv("KADEPLOY_LAB_CACHE", GinkgoT().TempDir()) })

	It("makes a directory once for the same ingredients", func() {
		first, err := labimage.MadeFrom("thing", nil, fill)
		Expect(err).NotTo(HaveOccurred())
		Expect(labimage.MadeFrom("thing", nil, func(string) error { return errors.New("made again") })).To(Equal(first))
	})

	It("takes the directory of another process that was faster, and leaves no draft", func() {
		path, err := labimage.MadeFrom("thing", nil, fill)
		Expect(err).NotTo(HaveOccurred())
		elsewhere := filepath.Join(GinkgoT().TempDir(), "thing")
		Expect(os.Rename(path, elsewhere)).To(Succeed())
		Expect(labimage.MadeFrom("thing", nil, func(dir string) error {
			return errors.Join(fill(dir), os.Rename(elsewhere, path))
		})).To(Equal(path))
		Expect(filepath.Glob(filepath.Join(filepath.Dir(path), "*"))).To(Equal([]string{path}))
		Expect(filepath.Glob(filepath.Join(filepath.Dir(path), ".new-*"))).To(BeEmpty())
	})
})

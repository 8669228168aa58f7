package labimage_test

import (
	"errors"
	"os"
	"path/filepath"
	"time"

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

	It("drops what has not been used for a week when it makes something of that name", func() {
		made := func(name, ingredient string) string {
			file := filepath.Join(GinkgoT().TempDir(), "ingredient")
			Expect(os.WriteFile(file, []byte(ingredient), 0o644)).To(Succeed())
			path, err := labimage.MadeFrom(name, []string{file}, fill)
			Expect(err).NotTo(HaveOccurred())
			return path
		}
		age := func(path string) {
			old := time.Now().AddDate(0, 0, -8)
			Expect(os.Chtimes(path, old, old)).To(Succeed())
		}
		unused, used, another := made("thing", "1"), made("thing", "2"), made("thing-more", "1")
		age(unused)
		age(used)
		age(another)
		made("thing", "2")
		Expect(unused).To(BeADirectory(), "nothing was made")
		made("thing", "3")
		Expect(unused).NotTo(BeADirectory())
		Expect(used).To(BeADirectory())
		Expect(another).To(BeADirectory())
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

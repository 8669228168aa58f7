package kadeploy3_test

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/tools/txtar"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/kadeploy3"
	"github.com/kadeploy/kadeploy/internal/rights"
)

var _ = Describe("The site of", func() {
	DescribeTable("Kadeploy3", func(generation string, nodes int) {
		site := filepath.Join(fixtures, generation)
		out, report := made(kadeploy3.Config{Dump: filepath.Join(site, "dump.sql"), Dir: filepath.Join(site, "conf")})

		By("being a configuration that the server loads")
		snapshot, problems := config.Load(out)
		Expect(problems.Error()).To(BeEmpty())
		Expect(snapshot.Nodes).To(HaveLen(nodes))
		Expect(report.Nodes).To(Equal(nodes))

		By("having descriptions that the parser reads, one for each environment and version")
		files, err := filepath.Glob(filepath.Join(out, "environments", "*.yaml"))
		Expect(err).NotTo(HaveOccurred())
		Expect(files).To(HaveLen(report.Environments))
		for _, name := range files {
			text, err := os.ReadFile(name)
			Expect(err).NotTo(HaveOccurred())
			_, problems := config.ParseEnvironment(text, name)
			Expect(problems.Error()).To(BeEmpty())
		}

		By("having a book of rights that the server loads")
		_, err = rights.Load(filepath.Join(out, "rights.json"))
		Expect(err).NotTo(HaveOccurred())

		By("having no password in any file")
		everything := archive(out)
		Expect(string(everything)).NotTo(ContainSubstring("s3cret"))

		By("being what was reviewed")
		golden := filepath.Join(site, "imported.txtar")
		if *rewrite {
			Expect(os.WriteFile(golden, everything, 0o644)).To(Succeed())
		}
		Expect(string(everything)).To(Equal(content(site, "imported.txtar")))
	},
		Entry("3.0 in 2009", "2009", 17),
		Entry("3.1", "3.1", 2),
		Entry("3.3", "3.3", 146),
	)

	It("3.3 is the same from a compressed dump", func() {
		text := content(filepath.Join(fixtures, "3.3"), "dump.sql")
		var zipped, zstded bytes.Buffer
		g := gzip.NewWriter(&zipped)
		_, err := g.Write([]byte(text))
		Expect(err).NotTo(HaveOccurred())
		Expect(g.Close()).To(Succeed())
		z, err := zstd.NewWriter(&zstded)
		Expect(err).NotTo(HaveOccurred())
		_, err = z.Write([]byte(text))
		Expect(err).NotTo(HaveOccurred())
		Expect(z.Close()).To(Succeed())

		plain, _ := made(kadeploy3.Config{Dump: dumped(text)})
		for _, packed := range []string{zipped.String(), zstded.String()} {
			out, _ := made(kadeploy3.Config{Dump: dumped(packed)})
			Expect(string(archive(out))).To(Equal(string(archive(plain))))
		}
		piped, _ := made(kadeploy3.Config{Dump: "-", Stdin: &zipped})
		Expect(strings.ReplaceAll(string(archive(piped)), "standard input", "dump.sql")).To(Equal(string(archive(plain))))
	})
})

// archive is a whole directory as one text.
func archive(dir string) []byte {
	GinkgoHelper()
	a := &txtar.Archive{}
	Expect(filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		a.Files = append(a.Files, txtar.File{Name: filepath.ToSlash(name), Data: bytes.ReplaceAll(text, []byte(dir), []byte("OUTDIR"))})
		return err
	})).To(Succeed())
	return txtar.Format(a)
}

package kadeploy3_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"
	"golang.org/x/tools/txtar"

	"github.com/kadeploy/kadeploy/internal/kadeploy3"
)

// rewrite writes the golden files anew: go test ./internal/kadeploy3 -args -rewrite, then review the diff.
var rewrite = flag.Bool("rewrite", false, "write the golden files")

const fixtures = "../../testdata/kadeploy3"

func TestKadeploy3(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Kadeploy3")
}

var _ = BeforeEach(func() {
	before := gleak.Goroutines()
	DeferCleanup(func() { Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before)) })
})

// moment is when rights are given in specs.
var moment = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// made imports into a new directory and returns it with the report.
func made(cfg kadeploy3.Config) (string, kadeploy3.Report) {
	GinkgoHelper()
	cfg.Out = filepath.Join(GinkgoT().TempDir(), "out")
	cfg.Now = moment
	result, err := kadeploy3.Import(context.Background(), cfg)
	Expect(err).NotTo(HaveOccurred())
	Expect(result.Commit()).To(Succeed())
	for _, name := range result.Files {
		Expect(filepath.Join(cfg.Out, name)).To(BeARegularFile())
	}
	return cfg.Out, result.Report
}

// refused imports what is of no use, expects that nothing is left behind, and returns the error.
func refused(cfg kadeploy3.Config) string {
	GinkgoHelper()
	parent := GinkgoT().TempDir()
	cfg.Out = filepath.Join(parent, "out")
	cfg.Now = moment
	_, err := kadeploy3.Import(context.Background(), cfg)
	Expect(err).To(HaveOccurred())
	Expect(os.ReadDir(parent)).To(BeEmpty())
	Expect(err.Error()).NotTo(ContainSubstring("\n"))
	return err.Error()
}

// folder writes the files of a txtar text into a new directory.
func folder(text string) string {
	GinkgoHelper()
	dir := GinkgoT().TempDir()
	for _, f := range txtar.Parse([]byte(text)).Files {
		name := filepath.Join(dir, f.Name)
		Expect(os.MkdirAll(filepath.Dir(name), 0o755)).To(Succeed())
		Expect(os.WriteFile(name, f.Data, 0o600)).To(Succeed())
	}
	return dir
}

// dumped writes a dump and returns its name.
func dumped(text string) string {
	GinkgoHelper()
	name := filepath.Join(GinkgoT().TempDir(), "dump.sql")
	Expect(os.WriteFile(name, []byte(text), 0o600)).To(Succeed())
	return name
}

// lost are the texts of what was not taken, with their places.
func lost(r kadeploy3.Report) []string {
	var texts []string
	for _, f := range r.Findings {
		if f.Lost {
			texts = append(texts, strings.Replace(f.String(), ": not taken: ", ": ", 1))
		}
	}
	return texts
}

// notes are the texts of the notes.
func notes(r kadeploy3.Report) string {
	var texts []string
	for _, f := range r.Findings {
		if !f.Lost {
			texts = append(texts, f.String())
		}
	}
	return strings.Join(texts, "\n")
}

// content is a file of a directory.
func content(dir, name string) string {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	Expect(err).NotTo(HaveOccurred())
	return string(text)
}

package config_test

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/kadeploy/kadeploy/config"
)

func TestConfig(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Config")
}

var _ = BeforeEach(func() {
	before := gleak.Goroutines()
	DeferCleanup(func() { Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before)) })
})

// fixtures are the configurations that the repository's packages share.
const fixtures = "../testdata/config"

// files are the texts of a configuration directory by name.
type files map[string]string

// minimal is the smallest site that loads: one cluster, two sandbox nodes.
func minimal() files {
	return files{
		"deploy.conf": "",
		"nodes.conf":  "n1 127.1.0.1 c\nn2 127.1.0.2 c\n",
		"cluster-c.conf": "power = sandbox\ndeploy_kernel = vmlinuz\ndeploy_initrd = initrd\n" +
			"block_device = /dev/sda\ndeploy_part = 3\n",
	}
}

// and returns the files with more lines at the end of one of them.
func (f files) and(name, lines string) files {
	f[name] += lines + "\n"
	return f
}

// without returns the files less one.
func (f files) without(name string) files {
	delete(f, name)
	return f
}

// write puts the files in a new directory.
func (f files) write() string {
	GinkgoHelper()
	dir := GinkgoT().TempDir()
	for name, text := range f {
		Expect(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)).To(Succeed())
	}
	return dir
}

// load expects the files to be a valid configuration.
func (f files) load() *config.Snapshot {
	GinkgoHelper()
	return loaded(config.Load(f.write()))
}

func loaded(s *config.Snapshot, diagnostics config.Diagnostics) *config.Snapshot {
	GinkgoHelper()
	Expect(diagnostics.Error()).To(BeEmpty())
	Expect(s).NotTo(BeNil())
	return s
}

// problems are the errors of the files, one a line.
func (f files) problems() string {
	GinkgoHelper()
	s, diagnostics := config.Load(f.write())
	Expect(diagnostics.HasErrors()).To(BeTrue(), "the configuration has no error")
	Expect(s).To(BeNil())
	return diagnostics.Error()
}

func node(s *config.Snapshot, name string) *config.Node {
	GinkgoHelper()
	n, found := s.Node(name)
	Expect(found).To(BeTrue(), "no node "+name)
	return n
}

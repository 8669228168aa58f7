package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
)

const (
	movedClassic = "# mine\nname : x\ntarball : img/x.tgz|tgz\npostinstall : a.tgz|tgz|a.sh x, sub/a.tgz|tgz|b.sh\npreinstall : /abs/p.tgz|tgz|p.sh\n" +
		"kernel : /k\nfilesystem : ext4\nfdisktype : 83\nenvironment_kind : linux\n"
	movedYAML = "name: x # x.tgz\nimage: {file: \"x.tgz\", kind: tar, compression: gzip}\nos: linux\nfilesystem: ext4\nboot: {kernel: /k}\n" +
		"preinstall: {archive: server:///abs/p.tgz, compression: gzip}\npostinstalls:\n  - archive: 'ü/a.tgz'\n    compression: gzip\n  - {archive: http://server/b.tgz, compression: gzip}\n"
	movedHCL = "name = \"x\"\nos = \"linux\"\nfilesystem = \"ext4\"\nimage {\n  file = \"./x.tgz\"\n  kind = \"tar\"\n  compression = \"gzip\"\n}\nboot { kernel = \"/k\" }\n" +
		"postinstall {\n  archive = \"../a.tgz\"\n  compression = \"gzip\"\n}\n"
)

var _ = Describe("A description made absolute", func() {
	DescribeTable("names the same files wherever it is, and is otherwise as it was written", func(text, path string, changes ...string) {
		moved, env, problems := config.AbsoluteEnvironment([]byte(text), path)
		Expect(problems).NotTo(ContainElement(HaveField("Severity", config.Error)))
		Expect(string(moved)).To(Equal(strings.NewReplacer(changes...).Replace(text)))
		again, _ := config.ParseEnvironment(moved, "/elsewhere/"+filepath.Base(path))
		Expect(again).To(Equal(env))
	},
		Entry("of 2009", movedClassic, "/home/me/x.env", "img/x", "/home/me/img/x", ": a.tgz", ": /home/me/a.tgz", "sub/a", "/home/me/sub/a"),
		Entry("of 2009 from Windows", strings.ReplaceAll(movedClassic, "\n", "\r\n"), "/home/me/x.env", "img/x", "/home/me/img/x", ": a.tgz", ": /home/me/a.tgz", "sub/a", "/home/me/sub/a"),
		Entry("in YAML", movedYAML, "/home/me/x.yaml", `"x.tgz`, `"/home/me/x.tgz`, "'ü", "'/home/me/ü", "server:///abs", "/abs"),
		Entry("in HCL", movedHCL, "/home/me/x.hcl", "./x.tgz", "/home/me/x.tgz", "../a", "/home/a"),
		Entry("that is absolute already", strings.NewReplacer("img/", "/img/", ": a.tgz", ": /a.tgz", "sub/", "/sub/").Replace(movedClassic), "/home/me/x.env"),
	)

	DescribeTable("must name its files in plain words", func(text string) {
		moved, env, problems := config.AbsoluteEnvironment([]byte(text), "/home/me/x.yaml")
		Expect(moved).To(BeNil())
		Expect(env).To(BeNil())
		Expect(problems.Error()).To(ContainSubstring("its relative files cannot be made absolute (write absolute paths)"))
	},
		Entry("not by an alias", "description: &a a.tgz\n"+strings.Replace(movedYAML, "'ü/a.tgz'", "*a", 1)),
		Entry("not with escapes", strings.Replace(movedYAML, `"x.tgz"`, `"\x78.tgz"`, 1)),
	)

	It("tells all that is wrong with it", func() {
		_, env, problems := config.AbsoluteEnvironment([]byte("name : x\nnonsense : 1\n"), "/x.env")
		Expect(env).To(BeNil())
		Expect(problems.Error()).To(ContainSubstring(`unknown field "nonsense"`))
		Expect(problems.Error()).To(ContainSubstring("tarball is missing"))
	})
})

func FuzzAbsoluteEnvironment(f *testing.F) {
	for _, text := range []string{movedClassic, movedYAML} {
		f.Add([]byte(text), "/home/me/x.env")
	}
	f.Add([]byte(movedHCL), "/home/me/x.hcl")
	f.Fuzz(func(t *testing.T, text []byte, path string) {
		moved, env, problems := config.AbsoluteEnvironment(text, path)
		if (env == nil) != problems.HasErrors() || (env == nil) != (moved == nil) {
			t.Fatalf("%v and %v", env, problems)
		}
		if env == nil {
			return
		}
		again, problems := config.ParseEnvironment(moved, "/"+filepath.Base(path))
		if again == nil {
			t.Fatalf("%q\nmoved to\n%q\n%v", text, moved, problems)
		}
		for i, file := range env.Files() {
			if again.Files()[i] != file || !strings.Contains(file, "://") && !filepath.IsAbs(file) {
				t.Fatalf("%q is %q", file, again.Files()[i])
			}
		}
	})
}

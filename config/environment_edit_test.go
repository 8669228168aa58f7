package config_test

import (
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
)

var _ = Describe("A description that is changed by itself", func() {
	two, yes, no := 2, true, false
	sum := strings.Repeat("ab", 32)
	elsewhere := func(path string) string { return strings.Replace(path, "/srv/", "/new/", 1) }
	classic := "# mine\nname : x\nversion : 1\ntarball : /srv/x.tgz|tgz|" + strings.Repeat("0", 32) + "\npostinstall : /srv/a.tgz|tgz|a.sh /srv/x, /other/b.tgz|tgz|none\n" +
		"kernel : /k\nfilesystem : ext4\nfdisktype : 83\nenvironment_kind : linux\ndemolishing_env : 3"
	yaml := "name: x # of /srv/\nversion: 1\nimage: {file: '/srv/x.tgz', kind: tar, compression: gzip, sha256: " + strings.Repeat("0", 64) + "}\nos: linux\n" +
		"filesystem: ext4\nboot: {kernel: /k}\npreinstall: {archive: /srv/p.tgz, compression: gzip}\n"
	hcl := "name = \"x\"\nos = \"linux\"\nfilesystem = \"ext4\"\ndestructive = true\nimage {\n  file = \"/srv/x.tgz\"\n  kind = \"tar\"\n  compression = \"gzip\"\n}\nboot { kernel = \"/k\" }"

	DescribeTable("means what it is to mean, and is otherwise as it was written", func(text, name string, edit config.EnvironmentEdit, changes ...string) {
		edited, env, err := config.EditEnvironment([]byte(text), "/x"+name, edit)
		Expect(err).NotTo(HaveOccurred())
		want := text
		if len(changes)%2 == 1 {
			want += changes[0]
			changes = changes[1:]
		}
		Expect(string(edited)).To(Equal(strings.NewReplacer(changes...).Replace(want)))
		again, problems := config.ParseEnvironment(edited, "/elsewhere/x"+name)
		Expect(problems.HasErrors()).To(BeFalse())
		Expect(again).To(Equal(env))
	},
		Entry("a version of 2009", classic, ".env", config.EnvironmentEdit{Version: &two}, "version : 1", "version : 2"),
		Entry("a version in YAML", yaml, ".yaml", config.EnvironmentEdit{Version: &two}, "version: 1", "version: 2"),
		Entry("no version where none is said", hcl, ".hcl", config.EnvironmentEdit{Version: &two}),
		Entry("the digest of an image", yaml, ".yaml", config.EnvironmentEdit{SHA256: sum}, strings.Repeat("0", 64), sum),
		Entry("the MD5 of 2009, which goes", classic, ".env", config.EnvironmentEdit{SHA256: sum}, strings.Repeat("0", 32), ""),
		Entry("files of 2009", classic, ".env", config.EnvironmentEdit{File: elsewhere}, ": /srv/", ": /new/"),
		Entry("files in YAML", yaml, ".yaml", config.EnvironmentEdit{File: elsewhere}, "'/srv/", "'/new/", "archive: /srv/", "archive: /new/"),
		Entry("files in HCL", hcl, ".hcl", config.EnvironmentEdit{File: elsewhere}, "/srv/", "/new/"),
		Entry("a count of failures to none", classic, ".env", config.EnvironmentEdit{Destructive: &no}, "env : 3", "env : 0"),
		Entry("a count of failures that is enough", classic, ".env", config.EnvironmentEdit{Destructive: &yes}),
		Entry("the tag where there was none, of 2009", strings.TrimSuffix(classic, "\ndemolishing_env : 3"), ".env", config.EnvironmentEdit{Destructive: &yes}, "\ndemolishing_env : 10000\n"),
		Entry("the tag where there was none, in YAML", yaml, ".yaml", config.EnvironmentEdit{Destructive: &yes}, "destructive: true\n"),
		Entry("the tag where there was none, in HCL", strings.Replace(hcl, "destructive = true\n", "", 1), ".hcl", config.EnvironmentEdit{Destructive: &yes}, "\ndestructive = true\n"),
		Entry("the tag away in HCL", hcl, ".hcl", config.EnvironmentEdit{Destructive: &no}, "destructive = true", "destructive = false"),
		Entry("nothing", yaml, ".yaml", config.EnvironmentEdit{Destructive: &no}),
	)

	DescribeTable("is left alone when it could not be sure to mean that", func(text string, edit config.EnvironmentEdit) {
		_, _, err := config.EditEnvironment([]byte(text), filepath.Join("/", "x.yaml"), edit)
		Expect(err).To(MatchError(ContainSubstring("show it, change it, and add it as the next version")))
	},
		Entry("braces around all", "{"+strings.NewReplacer("# of /srv/", "", "\n", ", ").Replace(strings.TrimSpace(yaml))+"}", config.EnvironmentEdit{Destructive: &yes}),
		Entry("a file by an alias", "description: &a /srv/p.tgz\n"+strings.Replace(yaml, "archive: /srv/p.tgz", "archive: *a", 1), config.EnvironmentEdit{File: elsewhere}),
		Entry("a file whose new name is none", yaml, config.EnvironmentEdit{File: func(string) string { return "/a'b" }}),
	)
})

package kadeploy3_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/kadeploy3"
	"github.com/kadeploy/kadeploy/internal/rights"
)

const environmentsTable = "CREATE TABLE `environments` (`id` int(10), `name` varchar(255), `version` int(10), `description` text, `author` varchar(56)," +
	" `tarball` varchar(512), `preinstall` varchar(512), `postinstall` varchar(512), `kernel` varchar(255), `kernel_params` varchar(255)," +
	" `fdisk_type` varchar(2), `filesystem` varchar(9), `user` varchar(255), `environment_kind` varchar(10), `visibility` varchar(8)," +
	" `demolishing_env` %s, `multipart` tinyint(1));\n"

const rightsTable = "CREATE TABLE `rights` (`user` varchar(30), `node` varchar(256), `part` varchar(50));\n"

// row is an environment with some columns changed.
func row(changes ...string) string {
	columns := []string{"name", "'e'", "version", "1", "tarball", "'/srv/e.tgz|tgz|'", "preinstall", "''", "postinstall", "''", "kernel", "'/vmlinuz'",
		"kernel_params", "''", "fdisk_type", "'83'", "filesystem", "'ext4'", "user", "'bob'", "environment_kind", "'linux'", "visibility", "'private'",
		"demolishing_env", "0", "multipart", "0"}
	for i := 0; i < len(changes); i += 2 {
		for j := 0; j < len(columns); j += 2 {
			if columns[j] == changes[i] {
				columns[j+1] = changes[i+1]
			}
		}
	}
	var names, values []string
	for i := 0; i < len(columns); i += 2 {
		names, values = append(names, columns[i]), append(values, columns[i+1])
	}
	return "INSERT INTO environments (" + strings.Join(names, ",") + ") VALUES (" + strings.Join(values, ",") + ");\n"
}

func environments(rows ...string) string {
	return fmt.Sprintf(environmentsTable, "tinyint(1)") + strings.Join(rows, "") + "-- Dump completed\n"
}

var _ = Describe("The environments of a dump", func() {
	DescribeTable("are not taken when they could not be deployed", func(column, value, reason string) {
		_, report := made(kadeploy3.Config{Dump: dumped(environments(row(column, value)))})
		Expect(report.Environments).To(BeZero())
		Expect(lost(report)).To(HaveExactElements(HavePrefix("dump.sql:2: row 1 of environments: ")))
		Expect(lost(report)[0]).To(HaveSuffix(reason))
	},
		Entry("fsa images", "tarball", `'/srv/e.fsa|fsa5|'`, "convert the image to tar or dd"),
		Entry("unknown kinds", "tarball", `'/srv/e.tar|zip|'`, `"zip" is no kind of image`),
		Entry("no image", "tarball", `''`, `tarball "" is not FILE|KIND|CHECKSUM`),
		Entry("images beside the client", "tarball", `'images/e.tgz|tgz|'`, `"images/e.tgz" starts at a directory that the database does not name`),
		Entry("unknown schemes", "tarball", `'ftp://h/e.tgz|tgz|'`, `"ftp://h/e.tgz" starts at a directory that the database does not name`),
		Entry("several partitions", "multipart", `1`, "images of several partitions cannot be deployed by this version"),
		Entry("archives of disks", "postinstall", `'/srv/p.gz|ddgz||x'`, `postinstall: "ddgz" is no kind of archive`),
		Entry("scripts outside of their archive", "postinstall", `'/srv/p.tgz|tgz||../../bin/sh'`, `script "../../bin/sh" is not a path inside the archive, none or breakpoint`),
		Entry("no kernel", "kernel", `''`, "boot.kernel is missing"),
		Entry("unknown systems", "environment_kind", `'plan9'`, `(known: linux, xen, other)`),
		Entry("control characters", "kernel_params", `'quiet\nroot=/dev/sda1'`, "control character U+000A"),
		Entry("a name of nothing", "name", `''`, "name is missing"),
		Entry("negative versions", "version", `-1`, "-1 is not between 0 and 2147483647"),
		Entry("versions that are none", "version", `'one'`, `version "one" is no number`),
	)

	It("keep every field, whatever is written in it", func() {
		out, report := made(kadeploy3.Config{Dump: dumped(environments(row(
			"name", `'yes'`, "version", "7", "kernel_params", `'a="b c" # d: e'`, "tarball", `'/srv/a b/é.txz|txz|'`, "user", `'o\'neil'`)))})
		Expect(lost(report)).To(BeEmpty())
		text := content(out, "environments/yes-7.yaml")
		Expect(text).To(HavePrefix("# From Kadeploy3, where it was of o'neil (row 1 of environments).\nname: \"yes\"\n"))
		Expect(text).To(ContainSubstring("kernel_params: 'a=\"b c\" # d: e'"))
		Expect(text).To(ContainSubstring("file: /srv/a b/é.txz"))
	})

	It("get files that can be told apart, below one directory", func() {
		out, report := made(kadeploy3.Config{Dump: dumped(environments(
			row("name", `'../x/y'`), row("name", `'..:x y'`), row("name", `'A'`), row("name", `'a'`), row("name", `'a'`, "user", `'eve'`), row("name", "'"+strings.Repeat("雪", 80)+"'")))})
		Expect(report.Environments).To(Equal(6))
		Expect(lost(report)).To(BeEmpty())
		for _, name := range []string{"_x_y-1", "_x_y-1.bob", "A-1", "a-1.bob", "a-1.eve", strings.Repeat("雪", 40) + "-1"} {
			Expect(out + "/environments/" + name + ".yaml").To(BeARegularFile())
		}
	})

	It("are put into the catalogue by a script, each as its owner's", func() {
		out, _ := made(kadeploy3.Config{Dump: dumped(environments(row("name", `'a'`), row("name", `'b'`, "user", `'o\'neil $HOME'`)))})
		bin := GinkgoT().TempDir()
		Expect(os.WriteFile(filepath.Join(bin, "kadeploy"), []byte("#!/bin/sh\nprintf '<%s>' \"$@\"; echo\ntest -f \"$4\" && test \"$4\" != environments/a-1.yaml\n"), 0o700)).To(Succeed())
		script := exec.Command("sh", filepath.Join(out, "environments.sh"))
		script.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
		said, err := script.Output()
		Expect(err).To(MatchError("exit status 1"), "one was refused")
		Expect(string(said)).To(Equal("<env><add><--user=bob><environments/a-1.yaml>\n<env><add><--user=o'neil $HOME><environments/b-1.yaml>\n"))
	})

	It("are destructive as their generation says it", func() {
		counted := fmt.Sprintf(environmentsTable, "int(8)") + row("demolishing_env", "1") + row("demolishing_env", "2", "version", "2") + row("demolishing_env", "10000", "version", "3")
		out, report := made(kadeploy3.Config{Dump: dumped(counted)})
		Expect(content(out, "environments/e-1.yaml")).NotTo(ContainSubstring("destructive"))
		Expect(notes(report)).To(ContainSubstring(`environment "e" failed once, which does not make it destructive`))
		Expect(content(out, "environments/e-2.yaml")).To(ContainSubstring("destructive: true"))
		Expect(content(out, "environments/e-3.yaml")).To(ContainSubstring("destructive: true"))
		out, _ = made(kadeploy3.Config{Dump: dumped(environments(row("demolishing_env", "1")))})
		Expect(content(out, "environments/e-1.yaml")).To(ContainSubstring("destructive: true"))
	})

	It("of two databases in one dump are those of the first, and that is said", func() {
		_, report := made(kadeploy3.Config{Dump: dumped("USE one;\n" + environments(row()) + "USE two;\n" + environments(row("name", "'other'")))})
		Expect(report.Environments).To(Equal(1))
		Expect(lost(report)).To(HaveExactElements("dump.sql: table environments: it is of database two, while those before are of one: dump and import one after the other"))
	})
})

var _ = Describe("The rights of a dump", func() {
	book := func(rows, conf string) (*rights.Book, kadeploy3.Report) {
		GinkgoHelper()
		out, report := made(kadeploy3.Config{Dump: dumped(rightsTable + "INSERT INTO rights VALUES " + rows + ";\n-- Dump completed\n"), Dir: conf})
		b, err := rights.Load(out + "/rights.json")
		Expect(err).NotTo(HaveOccurred())
		return b, report
	}

	It("are what they were: users, nodes, partitions, also where two users have one node", func() {
		b, report := book(`('bob','n-1','/dev/sda3'),('alice','n-1','/dev/sda3'),('bob','n-2','*'),('carol','*','*')`, "")
		Expect(lost(report)).To(BeEmpty())
		Expect(report.Rights).To(Equal(4))
		Expect(b.Check("bob", []string{"n-1"}, "3", moment)).To(Succeed())
		Expect(b.Check("bob", []string{"n-1"}, "5", moment)).NotTo(Succeed())
		Expect(b.Check("alice", []string{"n-1"}, "3", moment)).To(Succeed())
		Expect(b.Check("bob", []string{"n-2"}, "5", moment)).To(Succeed())
		Expect(b.Check("carol", []string{"n-1", "n-9"}, "1", moment)).To(Succeed())
		Expect(b.Check("dave", []string{"n-1"}, "3", moment)).NotTo(Succeed())
		Expect(notes(report)).To(ContainSubstring("rights to /dev/sdaN are taken as rights to partition N"))
		Expect(notes(report)).To(ContainSubstring("rights have no end in Kadeploy3"))
	})

	It("never become more than they were", func() {
		b, report := book(`('*','n-1','*'),('bob','n-[1-9]','*'),('bob','n-?','*'),('bob','n-1,n-2','*'),('bob','n-1','/dev/sda'),('d\'art','n-1','*'),('','n-1','*'),('bob','','*')`, "")
		Expect(report.Rights).To(BeZero())
		Expect(lost(report)).To(HaveLen(8))
		for _, user := range []string{"anybody", "bob"} {
			Expect(b.Check(user, []string{"n-1"}, rights.AnyPart, moment)).NotTo(Succeed())
		}
	})

	It("to another disk than the one that is deployed are not taken", func() {
		b, report := book(`('bob','blue-01.lab','/dev/sda3'),('bob','blue-02.lab','/dev/sdb3')`, fixtures+"/2009/conf")
		Expect(b.Check("bob", []string{"blue-01.lab"}, "3", moment)).To(Succeed())
		Expect(b.Check("bob", []string{"blue-02.lab"}, "3", moment)).NotTo(Succeed())
		Expect(lost(report)).To(ContainElement(HaveSuffix("the disk that is deployed there is /dev/sda, and rights name its partitions only")))
	})
})

var _ = Describe("A dump of no use", func() {
	DescribeTable("is refused, and leaves nothing behind", func(text, reason string) {
		Expect(refused(kadeploy3.Config{Dump: dumped(text)})).To(HaveSuffix(reason))
	},
		Entry("no dump", "hello", "the statement that begins here does not end: the dump is cut, or is no dump"),
		Entry("nothing", "", "no rows of Kadeploy3 (tables environments, rights, nodes) are in it; give the output of mysqldump DATABASE"),
		Entry("another database", "CREATE TABLE rights (a int); INSERT INTO rights VALUES (1);", "give the output of mysqldump DATABASE"),
		Entry("cut in a row", rightsTable+"INSERT INTO rights VALUES ('a','b','c'),('d", "line 2: the text that begins here does not end: the dump is cut, or is no dump"),
		Entry("cut gzip", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b", "unexpected EOF"),
	)

	It("is refused when it is not there, or a directory", func() {
		Expect(refused(kadeploy3.Config{Dump: "/nowhere/dump.sql"})).To(Equal("/nowhere/dump.sql: no such file or directory"))
		dir := GinkgoT().TempDir()
		Expect(refused(kadeploy3.Config{Dump: dir})).To(Equal(dir + ": is a directory"))
	})
})

package main_test

import (
	"os"
	"path/filepath"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
)

const dumpOfRights = "CREATE TABLE `rights` (`user` varchar(30), `node` varchar(256), `part` varchar(50));\n" +
	"INSERT INTO `rights` VALUES ('alice','node-1.demo','/dev/sda3'),('bob','node-2.demo','*');\n-- Dump completed\n"

var _ = Describe("users and rights", func() {
	It("that were imported are in the database from the first start on, through a kill, and come back with a backup of it", func() {
		s := given()
		dump, out, state := filepath.Join(s.dir, "k3.sql"), filepath.Join(s.dir, "k3"), filepath.Join(s.dir, "var")
		Expect(os.WriteFile(dump, []byte(dumpOfRights), 0o600)).To(Succeed())
		Expect(finished(s.command("kadeploy-server", "import", "kadeploy3", "--mysql-dump", dump, "-o", out))).To(gexec.Exit(0))
		Expect(os.MkdirAll(state, 0o755)).To(Succeed())
		Expect(os.Rename(filepath.Join(out, "rights.json"), filepath.Join(state, "rights.json"))).To(Succeed())

		pid := s.started()
		list := s.here("rights", "list")
		Expect(list.Out).To(gbytes.Say(`alice +node-1.demo +3 `))
		Expect(list.Out).To(gbytes.Say(`bob +node-2.demo +\* `))
		Expect(s.log()).To(ContainSubstring("users and rights taken over into the database"))
		Expect(filepath.Join(state, "rights.json")).NotTo(BeAnExistingFile())
		Expect(filepath.Join(state, "rights.json.imported")).To(BeARegularFile())
		Expect(s.here("user", "add", "carol")).To(gexec.Exit(0))
		Expect(s.here("rights", "del", "bob", "*")).To(gexec.Exit(0))

		signal(pid, syscall.SIGKILL)
		Eventually(func() *gexec.Session { return s.run("status") }, slow).Should(gexec.Exit(3))
		s.started()
		Expect(string(s.here("rights", "list").Out.Contents())).To(And(ContainSubstring("alice"), Not(ContainSubstring("bob"))))
		copied := filepath.Join(s.dir, "backup.db")
		Expect(s.run("backup", copied)).To(gexec.Exit(0))
		Expect(s.here("user", "del", "carol")).To(gexec.Exit(0))
		Expect(s.here("rights", "del", "alice", "*")).To(gexec.Exit(0))

		denied, err := os.ReadFile(filepath.Join(state, "pki", "denied.json"))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(denied)).To(ContainSubstring("carol"))

		Expect(s.run("stop")).To(gexec.Exit(0))
		Expect(s.run("restore", copied)).To(gexec.Exit(0))
		s.started()
		Expect(os.ReadFile(filepath.Join(state, "pki", "denied.json"))).To(Equal(denied), "who was shut out stays out")
		Expect(s.here("rights", "list").Out).To(gbytes.Say(`alice +node-1.demo +3 `))
		Expect(s.here("user", "list").Out).To(gbytes.Say("carol"))
	})
})

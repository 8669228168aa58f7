package main_test

import (
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
)

// told is what a command of an admin says.
func (s *site) told(args ...string) string {
	GinkgoHelper()
	session := s.here(args...)
	Expect(session).To(gexec.Exit(0))
	return string(session.Out.Contents())
}

var _ = Describe("a backup that is put in the place of the database", func() {
	It("brings back operations, all that happened in them, environments and what nodes run, and nothing of later", func() {
		s := given()
		s.started()
		deployed := func(nodes string) (id string) {
			GinkgoHelper()
			file := filepath.Join(s.dir, "id")
			Eventually(s.deploy(nodes, "--write-id", file), slow).Should(gexec.Exit(0))
			text, err := os.ReadFile(file)
			Expect(err).NotTo(HaveOccurred())
			return strings.TrimSpace(string(text))
		}
		Expect(s.here("env", "add", filepath.Join(s.dir, "debian.env"))).To(gexec.Exit(0))
		first := deployed("node-[1-2].demo")
		said := func() []string {
			GinkgoHelper()
			events := s.here("watch", first)
			Expect(events).To(gexec.Exit(0))
			return []string{
				s.told("history", "--output", "json"), s.told("show", first, "--output", "json"), string(events.Err.Contents()),
				s.told("env", "list", "--output", "json"), s.told("env", "show", "debian-demo"), s.told("nodes", "--output", "json"), s.told("stats", "--nodes", "--output", "csv"),
			}
		}
		before := said()
		Expect(before[0]).To(ContainSubstring(first))
		Expect(before[2]).To(ContainSubstring("format_deploy_part"))
		Expect(before[3]).To(ContainSubstring("debian-demo"))
		copied := filepath.Join(s.dir, "backup.db")
		Expect(s.run("backup", copied)).To(gexec.Exit(0))

		second := deployed("node-[2-3].demo")
		Expect(s.here("env", "rm", "debian-demo")).To(gexec.Exit(0))
		Expect(s.told("history")).To(ContainSubstring(second))
		Expect(s.run("stop")).To(gexec.Exit(0))
		state := filepath.Join(s.dir, "var")
		for _, end := range []string{"", "-wal", "-shm"} {
			Expect(os.RemoveAll(filepath.Join(state, "kadeploy.db"+end))).To(Succeed())
		}
		Expect(os.Rename(copied, filepath.Join(state, "kadeploy.db"))).To(Succeed())
		s.started()
		after := said()
		for i := range before {
			Expect(after[i]).To(Equal(before[i]))
		}
	})
})

package main_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"

	"github.com/kadeploy/kadeploy/internal/store/pgtest"
)

var _ = Describe("a daemon whose database is PostgreSQL", func() {
	It("is killed during a deployment: the next one goes on with it, and knows it afterwards", func() {
		server, err := pgtest.New()
		if errors.Is(err, exec.ErrNotFound) {
			Skip("no PostgreSQL server is installed (Debian: postgresql)")
		}
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(server.Close)
		url, err := server.Create("kadeploy")
		Expect(err).NotTo(HaveOccurred())
		s := given()
		s.append("deploy.conf", "database = "+url)
		s.hung("40")
		machines := s.machines()
		pid, file := s.started(), filepath.Join(s.dir, "id")
		session := s.deploy("node-[1-4].demo", "--write-id", file)
		Eventually(session.Err, slow).Should(gbytes.Say(`node-1.demo .*format_deploy_part`))
		signal(pid, syscall.SIGKILL)
		Eventually(session, slow).Should(gexec.Exit(5))
		Eventually(lives).WithArguments(pid).WithTimeout(reaction).Should(BeFalse())

		s.started()
		text, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		id := strings.TrimSpace(string(text))
		watch := s.here("watch", id)
		Expect(watch).To(gexec.Exit(0))
		Expect(watch.Out).To(gbytes.Say(`node-1.demo +OK +1 `))
		Expect(agentsStarted(machines, "node-1.demo")).To(Equal(1))
		Expect(s.told("history")).To(ContainSubstring(id))
		Expect(filepath.Join(s.dir, "var", "kadeploy.db")).NotTo(BeAnExistingFile())
		Expect(s.run("stop")).To(gexec.Exit(0))
	})
})

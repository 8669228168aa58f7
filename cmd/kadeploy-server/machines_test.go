package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
)

// machines starts the process of the sandbox machines, which logs every boot.
func (s *site) machines() *gexec.Session {
	GinkgoHelper()
	session, err := gexec.Start(s.command("kadeploy-server", "sandbox", "--debug"), GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { session.Kill().Wait(slow) })
	Eventually(session.Out, slow).Should(gbytes.Say(`sandbox machines ready, pid \d+\n`))
	return session
}

// agentsStarted counts how often a machine came up in the deployment system.
func agentsStarted(machines *gexec.Session, node string) int {
	return strings.Count(string(machines.Err.Contents()), `msg="sandbox machine starts the agent" node=`+node+" ")
}

var _ = Describe("sandbox machines in a process of their own", func() {
	It("outlive a daemon that is killed, and their agents call its successor: the deployment goes on without another boot", func() {
		s := given()
		s.hung("40")
		machines := s.machines()
		pid := s.started()
		Expect(s.log()).To(ContainSubstring("the sandbox machines are in a process of their own"))
		id := filepath.Join(s.dir, "id")
		session := s.deploy("node-[1-4].demo", "--write-id", id)
		Eventually(session.Err, slow).Should(gbytes.Say(`node-1.demo .*format_deploy_part`))
		agent := agentOf(machines.Command.Process.Pid, s, "node-1.demo")
		signal(pid, syscall.SIGKILL)
		Eventually(lives).WithArguments(pid).WithTimeout(reaction).Should(BeFalse())
		Consistently(lives).WithArguments(agent).Should(BeTrue())

		s.started()
		name, err := os.ReadFile(id)
		Expect(err).NotTo(HaveOccurred())
		watch := finished(s.command("kadeploy", "watch", strings.TrimSpace(string(name)), "-d", s.dir))
		Expect(watch).To(gexec.Exit(0))
		Expect(watch.Out).To(gbytes.Say(`node-1.demo +OK +1 `))
		Expect(watch.Out).To(gbytes.Say(`4 of 4 nodes OK`))
		Expect(agentsStarted(machines, "node-1.demo")).To(Equal(1))

		agent = machines.Command.Process.Pid
		Expect(s.run("stop")).To(gexec.Exit(0))
		Expect(lives(agent)).To(BeTrue(), "the machines go on without a daemon")
		Eventually(machines.Interrupt(), slow).Should(gexec.Exit(0))
		Expect(children(agent)).To(BeEmpty())
	})

	It("are refused in one line while a daemon has them, and where no node is a sandbox node", func() {
		s := given()
		s.started()
		session := s.run("sandbox")
		Expect(session).To(gexec.Exit(1))
		Expect(session.Err).To(gbytes.Say(`kadeploy-server: sandbox disks: .* is in use by another daemon or kadeploy-server sandbox: stop it first`))
		Expect(s.run("stop")).To(gexec.Exit(0))
		s.replace("cluster-blue.conf", "power = sandbox", "power = command\ncmd_hard_reboot = /bin/true")
		Expect(s.write()).To(Succeed())
		saysOnce(s.run("sandbox"), 1, `no node of the configuration has power = sandbox`)
	})
})

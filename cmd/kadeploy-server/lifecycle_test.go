package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
)

var _ = Describe("the daemon in the background", func() {
	It("starts, says what it does, restarts as another process and stops", func() {
		s := given()
		server := s.host() + ":" + s.value("deploy.conf", "kadeploy_server_port")

		session := s.run("start")
		Expect(session).To(gexec.Exit(0))
		Expect(session.Out).To(gbytes.Say(`^kadeploy-server started, pid \d+, serving 4 nodes on %s, log %s/var/kadeploy-server.log\n$`, server, s.dir))
		pid := pidIn(session)

		session = s.run("status")
		Expect(session).To(gexec.Exit(0))
		Expect(session.Out).To(gbytes.Say(`runs with pid %d since \S+ \S+, serving %s on %s\n0 operations running, 0 nodes\n$`, pid, s.dir, server))

		session = s.run("restart")
		Expect(session).To(gexec.Exit(0))
		Expect(pidIn(session)).NotTo(Equal(pid))
		Expect(lives(pid)).To(BeFalse())
		pid = pidIn(session)

		session = s.run("stop")
		Expect(session).To(gexec.Exit(0))
		Expect(session.Out).To(gbytes.Say(`^kadeploy-server stopped, pid %d\n$`, pid))
		Expect(lives(pid)).To(BeFalse())
		Expect(s.log()).To(HaveSuffix("msg=stopped\n"))
	})

	It("takes the directory before the command as well as after it", func() {
		s := given()
		s2 := *s
		s2.dir = "/nonexistent" // the flag wins over the environment
		Expect(s2.run("-d", s.dir, "start")).To(gexec.Exit(0))
		Expect(s2.run("status", "--config-dir="+s.dir)).To(gexec.Exit(0))
		Expect(s2.run("--config-dir", s.dir, "stop")).To(gexec.Exit(0))
	})

	It("is not running: status says so with code 3, stop with code 0, restart starts it", func() {
		s := given()
		session := s.run("status")
		Expect(session).To(gexec.Exit(3))
		Expect(session.Out).To(gbytes.Say("^kadeploy-server is not running\n$"))
		session = s.run("stop")
		Expect(session).To(gexec.Exit(0))
		Expect(session.Out).To(gbytes.Say("^kadeploy-server is not running\n$"))
		Expect(s.run("restart")).To(gexec.Exit(0))
		Expect(s.run("status")).To(gexec.Exit(0))
	})

	It("is killed: a new one starts as if nothing had been left", func() {
		s := given()
		pid := s.started()
		signal(pid, syscall.SIGKILL)
		Eventually(lives).WithArguments(pid).WithTimeout(reaction).Should(BeFalse())
		Expect(filepath.Join(s.dir, "var", "kadeploy-server.pid")).To(BeARegularFile())
		Eventually(func() int { return s.run("status").ExitCode() }, reaction).Should(Equal(3)) // the last thread may take a moment, with the lock
		Expect(s.run("stop").Out).To(gbytes.Say("is not running"))
		s.started()
	})

	It("is killed during a deployment: no agent outlives it, and the next one goes on and then deploys", func() {
		s := given()
		s.replace("nodes.conf", "blue", "blue sandbox_fault=hung-order:format_deploy_part")
		Expect(s.write()).To(Succeed())
		pid := s.started()
		deploying, err := gexec.Start(s.command("kadeploy", "deploy", "-d", s.dir, "-m", "node-[1-4].demo", "-a", filepath.Join(s.dir, "debian.env")),
			GinkgoWriter, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { deploying.Kill().Wait(slow) })
		var agents []int
		Eventually(func() []int { agents = children(pid); return agents }, slow).Should(HaveLen(4))

		signal(pid, syscall.SIGKILL)
		for _, agent := range agents {
			Eventually(lives).WithArguments(agent).WithTimeout(reaction).Should(BeFalse())
		}
		deploying.Interrupt()
		Eventually(deploying, slow).Should(gexec.Exit())

		s.replace("nodes.conf", " sandbox_fault=hung-order:format_deploy_part", "")
		Expect(s.write()).To(Succeed())
		s.started()
		again := func() int {
			return finished(s.command("kadeploy", "deploy", "-d", s.dir, "-m", "node-1.demo", "-a", filepath.Join(s.dir, "debian.env"))).ExitCode()
		}
		Expect(again()).To(Equal(4), "the operation goes on and holds its nodes")
		Eventually(again).WithTimeout(time.Minute).Should(BeZero())
	})

	It("is killed during a deployment and started with --no-resume: the deployment has failed, and its nodes are free", func() {
		s := given()
		s.replace("nodes.conf", "blue", "blue sandbox_fault=hung-order:format_deploy_part")
		Expect(s.write()).To(Succeed())
		pid, id := s.started(), filepath.Join(s.dir, "id")
		session := s.deploy("node-[1-2].demo", "--write-id", id)
		Eventually(session.Err, slow).Should(gbytes.Say(`node-1.demo .*format_deploy_part`))
		signal(pid, syscall.SIGKILL)
		Eventually(session, slow).Should(gexec.Exit(5))
		Eventually(func() int { return s.run("status").ExitCode() }, slow).Should(Equal(3))

		s.replace("nodes.conf", " sandbox_fault=hung-order:format_deploy_part", "")
		Expect(s.write()).To(Succeed())
		Expect(s.run("start", "--no-resume")).To(gexec.Exit(0))
		Expect(s.run("status").Out).To(gbytes.Say("0 operations running, 0 nodes\n$"))
		name, err := os.ReadFile(id)
		Expect(err).NotTo(HaveOccurred())
		watch := s.here("watch", strings.TrimSpace(string(name)))
		Expect(watch).To(gexec.Exit(1))
		Expect(watch.Out).To(gbytes.Say(`node-1.demo +KO .*interrupted: it was started with --no-resume`))
		Eventually(s.deploy("node-[1-2].demo"), slow).Should(gexec.Exit(0))
	})

	It("can be stopped though its configuration has been broken since, or moved to another port", func() {
		s := given()
		pid := s.started()
		s.replace("deploy.conf", "kadeploy_server_port = ", "kadeploy_server_port = 1")
		Expect(s.write()).To(Succeed())
		Expect(s.run("status")).To(gexec.Exit(0))
		s.append("deploy.conf", "no_such_key = 1")
		Expect(s.run("status")).To(gexec.Exit(0))
		Expect(s.run("restart")).To(gexec.Exit(2))
		Expect(lives(pid)).To(BeTrue())
		Expect(s.run("stop")).To(gexec.Exit(0))
		Expect(lives(pid)).To(BeFalse())
	})

	It("does not answer: status says so with code 1", func() {
		s := given()
		pid := s.started()
		signal(pid, syscall.SIGSTOP)
		defer signal(pid, syscall.SIGCONT)
		session := s.run("status")
		Expect(session).To(gexec.Exit(1))
		Expect(session.Out).To(gbytes.Say("runs with pid %d", pid))
		Expect(session.Err).To(gbytes.Say(`^kadeploy-server: pid %d does not answer: .*; see its log, or restart it\n$`, pid))
	})

	It("crashes: the stack is in its log", func() {
		s := given()
		pid := s.started()
		signal(pid, syscall.SIGQUIT) // the runtime's own crash
		Eventually(lives).WithArguments(pid).WithTimeout(reaction).Should(BeFalse())
		Expect(s.log()).To(ContainSubstring("goroutine "))
		Expect(s.log()).To(ContainSubstring("SIGQUIT"))
	})

	It("counts the operations and nodes under way, also for programs", func() {
		s := given()
		s.replace("nodes.conf", "blue", "blue sandbox_fault=never-boots")
		Expect(s.write()).To(Succeed())
		s.started()
		submit := s.command("kadeploy", "deploy", "-d", s.dir, "--no-wait", "-m", "node-[1-3].demo", "-a", filepath.Join(s.dir, "debian.env"))
		Expect(finished(submit)).To(gexec.Exit(0))
		Expect(s.run("status").Out).To(gbytes.Say("1 operation running, 3 nodes\n$"))
		var status map[string]any
		Expect(json.Unmarshal(s.run("status", "--output", "json").Out.Contents(), &status)).To(Succeed())
		Expect(status).To(And(HaveKeyWithValue("running", true), HaveKeyWithValue("answers", true),
			HaveKeyWithValue("operations", 1.0), HaveKeyWithValue("nodes", 3.0), HaveKeyWithValue("error", "")))
		Expect(s.run("stop")).To(gexec.Exit(0))
		Expect(s.log()).To(ContainSubstring("the server is stopping"))
	})

	It("may open as many files as the system lets it", func() {
		s := given()
		pid := s.started()
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/limits")
		Expect(err).NotTo(HaveOccurred())
		for line := range strings.Lines(string(text)) {
			if limits, found := strings.CutPrefix(line, "Max open files"); found {
				Expect(strings.Fields(limits)[0]).To(Equal(strings.Fields(limits)[1]))
				return
			}
		}
		Fail("no limit of open files")
	})

	It("keeps the chatter of the library out of its log: a client that comes and goes leaves no line", func() {
		s := given()
		s.started()
		for range 3 {
			Expect(finished(s.command("kadeploy", "status", "-d", s.dir))).To(gexec.Exit(0))
		}
		Expect(s.run("stop")).To(gexec.Exit(0))
		Expect(strings.Count(s.log(), "\n")).To(Equal(5), s.log()) // starting, database, serving, stopping, stopped
	})
})

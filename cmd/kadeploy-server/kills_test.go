package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
)

// deploy starts a deployment of the demonstration's image.
func (s *site) deploy(nodes string, more ...string) *gexec.Session {
	GinkgoHelper()
	args := append([]string{"deploy", "-d", s.dir, "-m", nodes, "-a", filepath.Join(s.dir, "debian.env")}, more...)
	session, err := gexec.Start(s.command("kadeploy", args...), GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { session.Kill().Wait(slow) })
	return session
}

// hung makes the agent of a node hang in format_deploy_part, once; the node's other tries are good.
func (s *site) hung(timeout string) {
	GinkgoHelper()
	s.files["nodes.conf"] = "node-1.demo " + s.network + ".1 blue sandbox_fault=hung-order:format_deploy_part\nnode-[2-4].demo " + s.network + ".[2-4] blue\n"
	s.replace("cluster-blue.conf", "SetDeploymentEnvUntrusted:2:20", "SetDeploymentEnvUntrusted:2:"+timeout)
	Expect(s.write()).To(Succeed())
}

// agentOf waits for the agent of a node and returns its pid.
func agentOf(daemon int, s *site, node string) int {
	GinkgoHelper()
	found := 0
	Eventually(func() int {
		for _, pid := range children(daemon) {
			line, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
			if strings.Contains(string(line), "/disks/"+node) {
				found = pid
			}
		}
		return found
	}, slow).ShouldNot(BeZero())
	return found
}

var _ = Describe("what is killed under a deployment", func() {
	It("an agent: its node boots again, within its tries, and the others do not notice", func() {
		s := given()
		s.hung("8")
		s.replace("cluster-blue.conf", "SetDeploymentEnvUntrusted:2:8", "SetDeploymentEnvUntrusted:3:8")
		Expect(s.write()).To(Succeed())
		pid := s.started()
		session := s.deploy("node-[1-4].demo")
		Eventually(session.Err, slow).Should(gbytes.Say(`node-1.demo .*format_deploy_part`))
		signal(agentOf(pid, s, "node-1.demo"), syscall.SIGKILL)
		Eventually(session, slow).Should(gexec.Exit(0))
		// 3 when it was killed before it got the order that hangs, which then comes again
		Expect(session.Out).To(gbytes.Say(`node-1.demo +OK +[23] `))
		Expect(session.Out).To(gbytes.Say(`node-2.demo +OK +1 `))
		Expect(session.Out).To(gbytes.Say(`4 of 4 nodes OK`))
	})

	It("the client: the deployment goes on, and another one can watch its end", func() {
		s := given()
		s.hung("3")
		s.started()
		session := s.deploy("node-[1-4].demo", "--write-id", filepath.Join(s.dir, "id"))
		Eventually(session.Err, slow).Should(gbytes.Say(`node-1.demo .*format_deploy_part`))
		session.Kill().Wait(slow)
		id, err := os.ReadFile(filepath.Join(s.dir, "id"))
		Expect(err).NotTo(HaveOccurred())
		watch := finished(s.command("kadeploy", "watch", strings.TrimSpace(string(id)), "-d", s.dir))
		Expect(watch).To(gexec.Exit(0))
		Expect(watch.Out).To(gbytes.Say(`4 of 4 nodes OK`))
	})

	It("the daemon, in order: who watches is told, and the code says that it failed", func() {
		s := given()
		s.hung("40")
		s.started()
		session := s.deploy("node-[1-4].demo")
		Eventually(session.Err, slow).Should(gbytes.Say(`node-1.demo .*format_deploy_part`))
		Expect(s.run("stop")).To(gexec.Exit(0))
		Eventually(session, slow).Should(gexec.Exit(1))
		Expect(session.Out).To(gbytes.Say(`node-1.demo +cancelled .*the server is stopping`))
	})

	It("the daemon, with SIGKILL: who watches is told that nobody is there any more", func() {
		s := given()
		s.hung("40")
		pid := s.started()
		session := s.deploy("node-[1-4].demo")
		Eventually(session.Err, slow).Should(gbytes.Say(`node-1.demo .*format_deploy_part`))
		signal(pid, syscall.SIGKILL)
		Eventually(session, slow).Should(gexec.Exit(5))
		Expect(session.Err).To(gbytes.Say(`kadeploy: lost sight of D-\S+: no server at `))
	})
})

var _ = Describe("what the daemon cannot read or write while it serves", func() {
	It("an image without the right to read it: refused in one line, and nothing is touched", func() {
		s := given()
		Expect(os.Remove(filepath.Join(s.dir, "images"))).To(Succeed())
		Expect(os.Mkdir(filepath.Join(s.dir, "images"), 0o755)).To(Succeed())
		image := filepath.Join(s.dir, "images", "debian.tar.zst")
		Expect(copyFile(filepath.Join(built, "images", "debian.tar.zst"), image)).To(Succeed())
		Expect(copyFile(filepath.Join(built, "images", "site-post.tgz"), filepath.Join(s.dir, "images", "site-post.tgz"))).To(Succeed())
		Expect(exec.Command("chmod", "-R", "a+rwX", s.dir).Run()).To(Succeed())
		Expect(os.Chmod(image, 0)).To(Succeed())
		Expect(finished(asOther(s.command("kadeploy-server", "start")))).To(gexec.Exit(0))
		session := s.deploy("node-1.demo")
		Eventually(session, slow).Should(gexec.Exit())
		Expect(session.ExitCode()).To(BeElementOf(1, 2))
		Expect(string(session.Out.Contents()) + string(session.Err.Contents())).To(ContainSubstring("debian.tar.zst cannot be read by the server: permission denied"))
		Expect(s.run("stop")).To(gexec.Exit(0))
	})

	It("a disk that fills up below its state: nodes fail with that cause, the daemon serves on and stops in order", func() {
		if mounted() != nil {
			return // who may not mount has a smaller disk in disks.txtar, and /dev/full for the log
		}
		s := given()
		Expect(os.Mkdir(filepath.Join(s.dir, "var"), 0o755)).To(Succeed())
		script := `mount -t tmpfs -o size=12m,mode=755 tmpfs "$KADEPLOY_CONFIG_DIR/var" && kadeploy-server start &&
			{ kadeploy deploy -d "$KADEPLOY_CONFIG_DIR" -m node-1.demo -a "$KADEPLOY_CONFIG_DIR/debian.env"; echo "code $?"
			  kadeploy-server status; echo "code $?"; kadeploy-server stop; echo "code $?"; }`
		cmd := exec.Command("unshare", "--mount", "sh", "-c", script)
		cmd.Env = append(os.Environ(), "KADEPLOY_CONFIG_DIR="+s.dir, "PATH="+filepath.Join(built, "bin")+":"+os.Getenv("PATH"))
		session := finished(cmd)
		Expect(session.Out).To(gbytes.Say(`node-1.demo +KO .*no space left on device`))
		Expect(session.Out).To(gbytes.Say(`code 1\n`))
		Expect(session.Out).To(gbytes.Say(`0 operations running, 0 nodes\ncode 0\n`))
		Expect(session.Out).To(gbytes.Say(`kadeploy-server stopped, pid \d+\ncode 0\n`))
	})
})

// mounted says whether a file system can be mounted that nobody else sees.
func mounted() error {
	return exec.Command("unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /tmp").Run()
}

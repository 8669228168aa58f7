package main_test

import (
	"net"
	"os"
	"path/filepath"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
)

var _ = Describe("signals", func() {
	DescribeTable("stop the daemon in order, with exit code 0", func(sig syscall.Signal) {
		s := given()
		d := s.foreground()
		Eventually(d.Err, slow).Should(gbytes.Say("msg=serving nodes=4"))
		d.Signal(sig)
		Eventually(d, slow).Should(gexec.Exit(0))
		Expect(d.Err).To(gbytes.Say("msg=stopping signal=.*\n.*msg=stopped\n$"))
	},
		Entry("SIGTERM", syscall.SIGTERM),
		Entry("SIGINT", syscall.SIGINT),
	)

	It("end it at once when SIGTERM comes twice: exit code 1, and no agent is left", func() {
		s := given()
		s.replace("nodes.conf", "blue", "blue sandbox_fault=hung-order:format_deploy_part")
		Expect(s.write()).To(Succeed())
		d := s.foreground()
		Eventually(d.Err, slow).Should(gbytes.Say("msg=serving"))
		deploying, err := gexec.Start(s.command("kadeploy", "deploy", "-d", s.dir, "-m", "node-[1-4].demo", "-a", filepath.Join(s.dir, "debian.env")),
			GinkgoWriter, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { deploying.Kill().Wait(slow) })
		var agents []int
		Eventually(func() []int { agents = children(d.Command.Process.Pid); return agents }, slow).Should(HaveLen(4))
		signal(deploying.Command.Process.Pid, syscall.SIGSTOP) // a client that does not listen holds the stop up
		defer func() { _ = syscall.Kill(deploying.Command.Process.Pid, syscall.SIGCONT) }()

		d.Terminate()
		Eventually(d.Err, slow).Should(gbytes.Say("msg=stopping"))
		d.Terminate()
		Eventually(d, slow).Should(gexec.Exit(1))
		Expect(d.Err).To(gbytes.Say(`kadeploy-server: second signal \(terminated\) while stopping: ended at once\n$`))
		for _, agent := range agents {
			Eventually(lives).WithArguments(agent).WithTimeout(reaction).Should(BeFalse())
		}
	})

	Describe("SIGHUP", func() {
		It("takes a changed configuration", func() {
			s := given()
			d := s.foreground()
			Eventually(d.Err, slow).Should(gbytes.Say("msg=serving"))
			s.append("nodes.conf", "node-5.demo "+s.network+".5 blue power=command cmd_soft_reboot=/bin/true")
			d.Signal(syscall.SIGHUP)
			Eventually(d.Err, slow).Should(gbytes.Say(`level=INFO msg="configuration reloaded" actor=config nodes=5`))
			Expect(d.Err.Contents()).NotTo(ContainSubstring("need a restart"))
			Expect(finished(s.command("kadeploy", "nodes", "-d", s.dir)).Out).To(gbytes.Say("node-5.demo"))
		})

		It("keeps serving with the former one when the files are broken, and says where", func() {
			s := given()
			d := s.foreground()
			Eventually(d.Err, slow).Should(gbytes.Say("msg=serving"))
			s.append("cluster-blue.conf", "reboot_windw = 4")
			d.Signal(syscall.SIGHUP)
			Eventually(d.Err, slow).Should(gbytes.Say(`level=ERROR msg="configuration not reloaded: .*cluster-blue.conf:\d+`))
			Expect(finished(s.command("kadeploy", "nodes", "-d", s.dir)).Out).To(gbytes.Say("node-4.demo"))
		})

		It("says what of the change needs a restart: listeners, directories, machines without hardware", func() {
			s := given()
			d := s.foreground()
			Eventually(d.Err, slow).Should(gbytes.Say("msg=serving"))
			s.replace("deploy.conf", "agents_listen = "+s.host(), "agents_listen = "+s.network+".253")
			s.append("deploy.conf", "pxe_profile_name = ip")
			s.append("nodes.conf", "node-5.demo "+s.network+".5 blue")
			d.Signal(syscall.SIGHUP)
			Eventually(d.Err, slow).Should(gbytes.Say(`level=WARN msg="these changes need a restart .*" keys="agents_listen, pxe_profile_name"`))
			Eventually(d.Err, slow).Should(gbytes.Say(`level=WARN msg="these sandbox nodes are new or changed and need a restart, first of kadeploy-server sandbox where that has the machines .*" nodes=node-5.demo\n`))
			Eventually(d.Err, slow).Should(gbytes.Say("configuration reloaded"))

			By("deploying with what runs until then")
			Expect(finished(s.command("kadeploy", "deploy", "-d", s.dir, "-m", "node-1.demo", "-a", filepath.Join(s.dir, "debian.env")))).To(gexec.Exit(0))
		})
	})
})

var _ = Describe("systemd", func() {
	It("hears when the daemon is ready, reloads, lives and stops", func() {
		s := given()
		dir, err := os.MkdirTemp("", "notify-")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(os.RemoveAll, dir)
		path := filepath.Join(dir, "socket")
		heard := listen(path)

		d := s.foreground("NOTIFY_SOCKET="+path, "WATCHDOG_USEC=200000")
		Eventually(heard, slow).Should(Receive(Equal("READY=1")))
		Eventually(d.Err, slow).Should(gbytes.Say("msg=serving"))
		Eventually(heard, slow).Should(Receive(Equal("WATCHDOG=1")))
		Eventually(heard, slow).Should(Receive(Equal("WATCHDOG=1")))

		d.Signal(syscall.SIGHUP)
		Eventually(heard, slow).Should(Receive(MatchRegexp(`^RELOADING=1\nMONOTONIC_USEC=\d+\n$`)))
		Eventually(heard, slow).Should(Receive(Equal("READY=1")))

		d.Terminate()
		Eventually(heard, slow).Should(Receive(Equal("STOPPING=1")))
		Eventually(d, slow).Should(gexec.Exit(0))
	})
})

// listen is the service manager: what it is told comes out of the channel.
func listen(path string) <-chan string {
	GinkgoHelper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(conn.Close)
	heard := make(chan string, 1000)
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			heard <- string(buffer[:n])
		}
	}()
	return heard
}

var _ = Describe("a daemon that does not stop", func() {
	It("is killed by stop, which says so and exits 1", func() {
		s := given()
		pid := s.started()
		signal(pid, syscall.SIGSTOP)
		saysOnce(s.run("stop", "--timeout", "500ms"), 1, `pid \d+ did not stop in 500ms and was killed; start it again: kadeploy-server start -d `+s.dir)
		Expect(lives(pid)).To(BeFalse())
		s.started()
	})
})

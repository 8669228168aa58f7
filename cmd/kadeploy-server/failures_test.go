package main_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
)

var _ = Describe("a start that fails says why in one line, and leaves nothing running", func() {
	AfterEach(func() { Expect(children(os.Getpid())).To(BeEmpty()) })

	It("a second daemon on the same directory: it names the first", func() {
		s := given()
		pid := s.started()
		line := fmt.Sprintf(`already running with pid %d \(%s/var/kadeploy-server.pid\); stop it first: kadeploy-server stop -d %s$`, pid, s.dir, s.dir)
		saysOnce(s.run("start"), 1, line)
		saysOnce(s.run("start", "--foreground"), 1, line)
		Expect(s.run("status")).To(gexec.Exit(0))
	})

	DescribeTable("a TCP port in use: it says which one and what to change",
		func(address func(*site) string, said, key string) {
			s := given()
			l, err := net.Listen("tcp", address(s))
			Expect(err).NotTo(HaveOccurred())
			defer l.Close()
			saysOnce(s.run("start"), 1, said, address(s), "address already in use; stop the program that has it, or change "+key+"$")
			Expect(s.run("status")).To(gexec.Exit(3))
		},
		Entry("of the remote API", func(s *site) string { return s.host() + ":" + s.value("deploy.conf", "kadeploy_server_port") }, "remote API", "kadeploy_server_port"),
		Entry("of the agents", func(s *site) string { return s.value("deploy.conf", "agents_listen") }, "node agents", "agents_listen"),
	)

	It("the TFTP port in use", func() {
		s := given()
		address := s.value("deploy.conf", "tftp_listen")
		conn, err := net.ListenPacket("udp", address)
		Expect(err).NotTo(HaveOccurred())
		defer conn.Close()
		saysOnce(s.run("start"), 1, "tftp: "+address+" is in use by another program: stop it or change tftp_listen$")
	})

	It("a file of rights that is none: it is left as it is", func() {
		s := given()
		path := filepath.Join(s.dir, "var", "rights.json")
		Expect(os.MkdirAll(filepath.Dir(path), 0o755)).To(Succeed())
		Expect(os.WriteFile(path, []byte("garbage"), 0o600)).To(Succeed())
		saysOnce(s.run("start"), 1, "rights: "+path+": not a book of rights: .*; mend the file, or move it away")
		Expect(os.ReadFile(path)).To(Equal([]byte("garbage")))
	})

	It("an address that the machine does not have", func() {
		s := given()
		s.replace("deploy.conf", "kadeploy_server = "+s.host(), "kadeploy_server = 192.0.2.1")
		Expect(s.write()).To(Succeed())
		saysOnce(s.run("start"), 1, "remote API: .*192.0.2.1.*: .*assign requested address.*")
	})

	It("a key of the authority that others may read", func() {
		s := given()
		s.started()
		Expect(s.run("stop")).To(gexec.Exit(0))
		key := filepath.Join(s.dir, "var", "pki", "ca.key")
		Expect(os.Chmod(key, 0o644)).To(Succeed())
		saysOnce(s.run("start"), 1, "authority: .*/ca.key has the mode 0644, .*: chmod 600 .*")
	})

	It("no configuration directory", func() {
		s := given()
		for _, command := range []string{"start", "stop", "restart", "status", "check-config"} {
			saysOnce(s.run(command, "-d", "/nonexistent"), 2, "configuration directory /nonexistent: no such file or directory \\(see -d DIR\\)$")
			saysOnce(s.run(command, "-d", filepath.Join(s.dir, "deploy.conf")), 2, "it is a file; give the directory that it is in \\(see -d DIR\\)$")
		}
	})

	It("an unreadable configuration directory", func() {
		s := given()
		Expect(os.Chmod(s.dir, 0)).To(Succeed())
		DeferCleanup(os.Chmod, s.dir, os.FileMode(0o755))
		saysOnce(finished(asOther(s.command("kadeploy-server", "start"))), 2, "configuration directory "+s.dir+": permission denied")
	})

	It("a state directory that cannot be written", func() {
		s := given()
		Expect(os.Mkdir(filepath.Join(s.dir, "var"), 0o555)).To(Succeed())
		saysOnce(finished(asOther(s.command("kadeploy-server", "start", "--foreground"))), 1,
			"state_dir "+s.dir+"/var: permission denied; the daemon writes there: make it writable, or set state_dir$")
	})

	It("a log file that cannot be written", func() {
		s := given()
		s.append("deploy.conf", "log_to_file = /proc/kadeploy.log")
		saysOnce(s.run("start"), 1, "log file /proc/kadeploy.log: .*; make it writable, or set log_to_file$")
	})

	It("a full disk for the log", func() {
		s := given()
		s.append("deploy.conf", "log_to_file = /dev/full")
		saysOnce(s.run("start"), 1, "the log cannot be written: no space left on device; free some space, or set log_to_file$")
		Expect(s.run("status")).To(gexec.Exit(3))
	})

	It("sandbox nodes, and no agent beside the daemon", func() {
		s := given()
		alone := filepath.Join(s.dir, "kadeploy-server")
		Expect(copyFile(filepath.Join(built, "bin", "kadeploy-server"), alone)).To(Succeed())
		Expect(os.Chmod(alone, 0o755)).To(Succeed())
		cmd := exec.Command(alone, "start", "-d", s.dir)
		saysOnce(finished(cmd), 1, "sandbox nodes need the agent's program: "+s.dir+"/kadeploy-agent: no such file or directory; install it beside kadeploy-server$")
	})

	It("a stop by a user who may not", func() {
		s := given()
		s.started()
		if os.Getuid() == 0 {
			saysOnce(finished(asOther(s.command("kadeploy-server", "stop"))), 1, `stop pid \d+: operation not permitted; do it as the user who runs it$`)
		}
		Expect(s.run("status")).To(gexec.Exit(0))
	})

	It("several errors in the files: each with its place, then one line", func() {
		s := given()
		s.append("deploy.conf", "reboot_windw = 4")
		s.append("nodes.conf", "node-1.demo "+s.network+".9 blue")
		for _, command := range []string{"start", "restart", "check-config"} {
			session := s.run(command)
			Expect(session).To(gexec.Exit(2))
			Expect(session.Err).To(gbytes.Say(`deploy.conf:\d+:1: error: `))
			Expect(session.Err).To(gbytes.Say(`nodes.conf:2:1: error: `))
			Expect(session.Err).To(gbytes.Say("kadeploy-server: the configuration in " + s.dir + " is not valid\n$"))
			Expect(session.Out.Contents()).To(BeEmpty())
		}
	})
})

// asOther runs a command as nobody when we are root, whom no right stops.
func asOther(cmd *exec.Cmd) *exec.Cmd {
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	return cmd
}

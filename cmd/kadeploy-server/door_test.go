package main_test

import (
	"cmp"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
)

// elsewhere is a command of somebody on another machine: without the server's socket, with a home of his own.
func (s *site) elsewhere(home string, env []string, args ...string) *gexec.Session {
	GinkgoHelper()
	cmd := exec.Command(filepath.Join(built, "bin", "kadeploy"), args...)
	cmd.Env = append(append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME=", "KADEPLOY_SERVER="+s.host()+":"+s.value("deploy.conf", "kadeploy_server_port")), env...)
	cmd.Dir = home
	return finished(cmd)
}

// here is a command of an admin on the server's machine.
func (s *site) here(args ...string) *gexec.Session {
	GinkgoHelper()
	return finished(s.command("kadeploy", append(args, "-d", s.dir)...))
}

var loginLine = regexp.MustCompile(`^KADEPLOY_TOKEN=(\S+) kadeploy login (\S+) --pin (\S+)\n$`)

var _ = Describe("a user elsewhere", Ordered, func() {
	var (
		s     *site
		home  string
		token string
		login []string
	)
	BeforeAll(func() {
		s = given()
		s.started()
		home = GinkgoT().TempDir()
		session := s.here("user", "add", "alice")
		Expect(session).To(gexec.Exit(0))
		line := loginLine.FindSubmatch(session.Out.Contents())
		Expect(line).NotTo(BeNil(), "%s", session.Out.Contents())
		token, login = string(line[1]), []string{"login", string(line[2]), "--pin", string(line[3])}
	})
	alice := func(args ...string) *gexec.Session {
		GinkgoHelper()
		// Loopback is what a server on the same machine looks like: a login goes before asking that one who we are.
		return s.elsewhere(home, nil, args...)
	}
	says := func(session *gexec.Session, code int, text string) {
		GinkgoHelper()
		Expect(session).To(gexec.Exit(code))
		Expect(string(session.Err.Contents())).To(ContainSubstring(text))
	}

	It("believes no server of another pin, and keeps his token then", func() {
		wrong := append([]string{}, login...)
		wrong[3] = "sha256:" + strings.Repeat("ab", 32)
		says(s.elsewhere(home, []string{"KADEPLOY_TOKEN=" + token}, wrong...), 1, "kadeploy: enrolment at ")
	})

	It("logs in once with what the admin was told", func() {
		session := s.elsewhere(home, []string{"KADEPLOY_TOKEN=" + token}, login...)
		Expect(session).To(gexec.Exit(0))
		Expect(string(session.Out.Contents())).To(HaveSuffix(" as alice\n"))
		says(s.elsewhere(GinkgoT().TempDir(), []string{"KADEPLOY_TOKEN=" + token}, login...), 1, "was used already")
		keys, err := filepath.Glob(filepath.Join(home, ".config", "kadeploy", "*", "key.pem"))
		Expect(err).NotTo(HaveOccurred())
		Expect(keys).To(HaveLen(1))
		info, err := os.Stat(keys[0])
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(BeEquivalentTo(0o600))
	})

	It("may do nothing before she has a right, and administrate never", func() {
		Expect(alice("nodes")).To(gexec.Exit(0))
		says(alice("reboot", "-m", "node-1.demo"), 4, "alice has no right to node-1.demo")
		says(alice("user", "list"), 4, "alice is no admin")
		says(alice("rights", "add", "alice", "*"), 4, "alice is no admin")
	})

	It("deploys where she has a right, with files that only she has", func() {
		Expect(s.here("rights", "add", "alice", "node-[1-2].demo", "--until", "1h")).To(gexec.Exit(0))
		Expect(os.CopyFS(filepath.Join(home, "images"), os.DirFS(filepath.Join(built, "images")))).To(Succeed())
		Expect(copyFile(filepath.Join(s.dir, "debian.env"), filepath.Join(home, "debian.env"))).To(Succeed())
		says(alice("deploy", "-m", "node-[1-3].demo", "-a", "debian.env"), 4, "alice has no right to")
		session := alice("deploy", "-m", "node-[1-2].demo", "-a", "debian.env")
		Expect(session).To(gexec.Exit(0))
		Expect(string(session.Err.Contents())).To(ContainSubstring("debian.tar.zst: 18.3 MiB is at the server"))
		Expect(string(s.here("nodes").Out.Contents())).To(MatchRegexp(`node-2.demo .* deployed .* alice `))
	})

	It("uploads nothing twice", func() {
		session := alice("deploy", "-m", "node-1.demo", "-a", "debian.env")
		Expect(session).To(gexec.Exit(0))
		Expect(string(session.Err.Contents())).NotTo(MatchRegexp(`[0-9] MiB/s`))
	})

	It("sees no operation of others, and ends none", func() {
		session := s.here("reboot", "-m", "node-4.demo", "--no-wait")
		Expect(session).To(gexec.Exit(0))
		id := strings.TrimSpace(string(session.Out.Contents()))
		Expect(string(alice("status").Out.Contents())).NotTo(ContainSubstring(id))
		Expect(alice("watch", id)).To(gexec.Exit(4))
		Expect(alice("cancel", id)).To(gexec.Exit(4))
	})

	It("is known after a restart of the server", func() {
		Expect(s.run("restart")).To(gexec.Exit(0))
		Expect(alice("nodes")).To(gexec.Exit(0))
		Expect(string(s.here("rights", "list").Out.Contents())).To(ContainSubstring("alice"))
	})

	It("is out when she is deleted, and stays out", func() {
		Expect(s.here("user", "del", "alice")).To(gexec.Exit(0))
		says(alice("nodes"), 4, "not known to the server")
		Expect(s.run("restart")).To(gexec.Exit(0))
		says(alice("nodes"), 4, "not known to the server")
	})

	It("leaves no secret in the log, and none of anybody's in a file that others may read", func() {
		Expect(s.log()).NotTo(ContainSubstring(token))
		Expect(s.log()).To(ContainSubstring("identity=ka://user/alice"))
		Expect(filepath.Walk(filepath.Join(s.dir, "var"), func(path string, info os.FileInfo, err error) error {
			switch {
			case err != nil || filepath.Base(path) == "disks": // of the machines
				return cmp.Or(err, fs.SkipDir)
			case !info.Mode().IsRegular() || info.Mode().Perm()&0o004 == 0:
				return nil
			}
			text, err := os.ReadFile(path)
			Expect(string(text)).NotTo(ContainSubstring("PRIVATE KEY"), path)
			Expect(string(text)).NotTo(ContainSubstring(token), path)
			return err
		})).To(Succeed())
	})
})

var _ = Describe("a user of the server's machine", func() {
	It("is known without a login, and is only himself", func() {
		if os.Getuid() != 0 {
			return // whoever is not root is the daemon's own user here, and an admin
		}
		s := given()
		s.started()
		cmd := exec.Command(filepath.Join(built, "bin", "kadeploy"), "reboot", "-m", "node-1.demo", "-d", s.dir)
		cmd.Env = os.Environ()
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1, Gid: 1}} // daemon, on every system
		session := finished(cmd)
		Expect(session).To(gexec.Exit(4))
		Expect(string(session.Err.Contents())).To(MatchRegexp(`kadeploy: daemon has no right to node-1.demo`))
	})
})

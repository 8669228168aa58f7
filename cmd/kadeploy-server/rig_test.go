package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
)

// reaction is how soon what the kernel does must be seen.
const reaction = 10 * time.Second

// slow is for a machine that does much else.
const slow = "60s"

// given makes a site whose daemon, if any, is stopped after the spec.
func given() *site {
	GinkgoHelper()
	dir, err := os.MkdirTemp("", "site-")
	Expect(err).NotTo(HaveOccurred())
	Expect(os.Chmod(dir, 0o755)).To(Succeed())
	DeferCleanup(os.RemoveAll, dir)
	s, err := newSite(dir)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { _ = s.command("kadeploy-server", "stop").Run() })
	return s
}

// command is a call of one of the programs for this site.
func (s *site) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(built, "bin", program), args...)
	cmd.Env = append(os.Environ(), "KADEPLOY_CONFIG_DIR="+s.dir)
	return cmd
}

// run runs kadeploy-server to its end.
func (s *site) run(args ...string) *gexec.Session {
	GinkgoHelper()
	return finished(s.command("kadeploy-server", args...))
}

func finished(cmd *exec.Cmd) *gexec.Session {
	GinkgoHelper()
	session, err := gexec.Start(cmd, GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	Eventually(session, slow).Should(gexec.Exit())
	return session
}

// started starts the daemon in the background and returns its pid.
func (s *site) started() int {
	GinkgoHelper()
	session := s.run("start")
	Expect(session).To(gexec.Exit(0), s.log())
	return pidIn(session)
}

var pidWord = regexp.MustCompile(`pid (\d+)`)

func pidIn(session *gexec.Session) int {
	GinkgoHelper()
	m := pidWord.FindSubmatch(session.Out.Contents())
	Expect(m).NotTo(BeNil())
	pid, err := strconv.Atoi(string(m[1]))
	Expect(err).NotTo(HaveOccurred())
	return pid
}

// foreground starts the daemon as our child; env is added to its environment.
func (s *site) foreground(env ...string) *gexec.Session {
	GinkgoHelper()
	cmd := s.command("kadeploy-server", "start", "--foreground")
	cmd.Env = append(cmd.Env, env...)
	session, err := gexec.Start(cmd, GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { session.Kill().Wait(slow) })
	return session
}

// saysOnce expects a failure: its code and one line.
func saysOnce(session *gexec.Session, code int, patterns ...string) {
	GinkgoHelper()
	Expect(session).To(gexec.Exit(code))
	said := strings.TrimSuffix(string(session.Err.Contents()), "\n")
	Expect(said).To(HavePrefix("kadeploy-server: "))
	Expect(said).NotTo(ContainSubstring("\n"))
	for _, p := range patterns {
		Expect(said).To(MatchRegexp(p))
	}
	Expect(session.Out.Contents()).To(BeEmpty())
}

// append adds lines to a file of the site.
func (s *site) append(name, text string) {
	GinkgoHelper()
	s.files[name] += text + "\n"
	Expect(s.write()).To(Succeed())
}

// children lists the living processes whose parent is pid, by proc(5).
func children(pid int) []int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var found []int
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if fields[0] != "Z" && fields[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
			found = append(found, child)
		}
	}
	return found
}

// lives says whether a process runs; a zombie does not.
func lives(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.HasPrefix(string(text[strings.LastIndexByte(string(text), ')')+1:]), " Z")
}

func signal(pid int, sig syscall.Signal) {
	GinkgoHelper()
	Expect(syscall.Kill(pid, sig)).To(Succeed())
}

//go:build qemu

package deploysystem_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/initramfs"
	"github.com/kadeploy/kadeploy/internal/lab"
	"github.com/kadeploy/kadeploy/internal/pki"
)

const (
	emulator = "qemu-system-x86_64"
	slow     = "90s" // a machine without hardware help, beside other tests
)

// built is what mkenv makes, once for all specs.
var built struct{ kernel, initrd string }

var _ = BeforeSuite(func() {
	if _, err := exec.LookPath(emulator); err != nil {
		Skip(emulator + " is not installed (package qemu-system-x86)")
	}
	dir := GinkgoT().TempDir()
	agent := filepath.Join(dir, "kadeploy-agent")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", agent, "github.com/kadeploy/kadeploy/cmd/kadeploy-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stdout, build.Stderr = GinkgoWriter, GinkgoWriter
	Expect(build.Run()).To(Succeed())
	system, err := initramfs.Build(context.Background(), initramfs.Config{Agent: agent})
	if err != nil {
		Skip("no deployment system can be built here: " + err.Error())
	}
	built.kernel, built.initrd = system.Kernel, filepath.Join(dir, "initrd")
	f, err := os.Create(built.initrd)
	Expect(err).NotTo(HaveOccurred())
	Expect(system.WriteInitrd(f, 0)).To(Succeed())
	Expect(f.Close()).To(Succeed())
})

// guest is a machine in QEMU whose only network is QEMU's own, in which the host is 10.0.2.2.
type guest struct {
	*gexec.Session
	console string // file of what it shows
	serial  string // socket of what is typed
	started time.Time
}

// boot starts a machine with the deployment system; it ends when the guest reboots.
func boot(words string, extra ...string) *guest {
	GinkgoHelper()
	dir := GinkgoT().TempDir()
	g := &guest{console: filepath.Join(dir, "console"), serial: filepath.Join(dir, "serial"), started: time.Now()}
	args := []string{
		"-machine", "pc,graphics=off", "-m", "256", "-nodefaults", "-no-user-config", "-display", "none", "-vga", "none", "-no-reboot",
		"-device", "virtio-rng-pci", "-chardev", "socket,id=ser0,path=" + g.serial + ",server=on,wait=off,logfile=" + g.console, "-serial", "chardev:ser0",
		"-kernel", built.kernel, "-initrd", built.initrd, "-append", "console=ttyS0 quiet panic=-1 " + words,
	}
	cmd := exec.Command(emulator, slices.Concat(lab.Processor(), args, extra)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var err error
	g.Session, err = gexec.Start(cmd, GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		g.Kill()
		Eventually(g.Session, "10s").Should(gexec.Exit())
		AddReportEntry("console", ReportEntryVisibilityFailureOrVerbose, g.said())
	})
	return g
}

// said is all that the console has shown.
func (g *guest) said() string {
	text, _ := os.ReadFile(g.console)
	return strings.ReplaceAll(string(text), "\r", "")
}

// keyboard is what is typed on the console; QEMU wants somebody who reads there, too.
func (g *guest) keyboard() io.Writer {
	GinkgoHelper()
	conn, err := net.Dial("unix", g.serial)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(conn.Close)
	go io.Copy(io.Discard, conn)
	return conn
}

// card is a network card of a kind that is on QEMU's network.
func card(model, id string) []string {
	return []string{"-netdev", "user,id=" + id, "-device", model + ",romfile=,netdev=" + id}
}

// site is a server that expects the machine.
type site struct {
	server *agentlink.Server
	config agentlink.Config
	joined chan *agentlink.Session
	left   chan error
}

const token = "one-time-secret"

func newSite() *site {
	GinkgoHelper()
	s := &site{joined: make(chan *agentlink.Session, 1), left: make(chan error, 2)}
	authority, err := pki.Open(pki.Config{Dir: filepath.Join(GinkgoT().TempDir(), "pki")})
	Expect(err).NotTo(HaveOccurred())
	boots := agentlink.NewBoots(nil)
	Expect(boots.Expect("node-1", token, time.Now().Add(5*time.Minute))).To(Succeed())
	s.config = agentlink.Config{
		Authority: authority, Boots: boots,
		Joined: func(session *agentlink.Session) { s.joined <- session },
		Left:   func(_ *agentlink.Session, err error) { s.left <- err },
	}
	s.listen("127.0.0.1:0")
	return s
}

func (s *site) listen(at string) {
	GinkgoHelper()
	var err error
	s.config.Listen, s.config.Reconnect = at, func() time.Duration { return time.Minute }
	s.server, err = agentlink.Start(s.config)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(s.server.Close)
}

// words are those of the kernel command line for this site.
func (s *site) words() string {
	_, port, _ := strings.Cut(s.server.Addr().String(), ":")
	return fmt.Sprintf("kadeploy.server=10.0.2.2:%s kadeploy.node=node-1 kadeploy.token=%s kadeploy.pin=%s kadeploy.marker=25300", port, token, s.config.Authority.Pin())
}

// banner is the first thing that a server says at a port of this machine; "" when nobody does.
func banner(port string) string {
	conn, err := net.DialTimeout("tcp", "127.0.0.1:"+port, time.Second)
	if err != nil {
		return ""
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	text := make([]byte, 64)
	n, _ := conn.Read(text)
	return string(text[:n])
}

func freePort() string {
	GinkgoHelper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

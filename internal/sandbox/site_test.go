package sandbox_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/demoimage"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/sandbox"
	"github.com/kadeploy/kadeploy/pxe"
	"github.com/kadeploy/kadeploy/pxe/tftp"
)

// site is a server's network boot service and a directory for disks.
type site struct {
	tftpRoot, disks string
	tftp            netip.AddrPort
}

func newSite() *site {
	s := &site{tftpRoot: GinkgoT().TempDir(), disks: GinkgoT().TempDir()}
	server, err := tftp.Start(tftp.Config{Listen: "127.0.0.1:0", Root: s.tftpRoot})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		Expect(server.Close(ctx)).To(Succeed())
	})
	s.tftp = server.Addr()
	s.file("boot/deploy-vmlinuz", deployKernel)
	s.file("boot/deploy-initrd", []byte("initrd of the deployment system"))
	return s
}

// deployKernel is one that a machine takes for a deployment system's.
var deployKernel = append([]byte(demoimage.DeployKernelMagic), bytes.Repeat([]byte("deploy "), 100_000)...)

func (s *site) file(name string, content []byte) {
	GinkgoHelper()
	path := filepath.Join(s.tftpRoot, name)
	Expect(os.MkdirAll(filepath.Dir(path), 0o755)).To(Succeed())
	Expect(os.WriteFile(path, content, 0o644)).To(Succeed())
}

// boots writes a profile under a name of pxelinux.cfg.
func (s *site) boots(name string, p pxe.Profile) {
	GinkgoHelper()
	text, err := p.Render()
	Expect(err).NotTo(HaveOccurred())
	s.file("pxelinux.cfg/"+name, []byte(text))
}

func (s *site) bootsDeployment(name, args string) {
	GinkgoHelper()
	s.boots(name, pxe.Deployment("boot/deploy-vmlinuz", []string{"boot/deploy-initrd"}, args))
}

// rack makes a rack that ends with the spec.
func (s *site) rack(nodes ...sandbox.Node) *sandbox.Rack {
	GinkgoHelper()
	r, err := sandbox.New(s.config(nodes...))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(r.Close)
	return r
}

func (s *site) config(nodes ...sandbox.Node) sandbox.Config {
	self, err := os.Executable()
	Expect(err).NotTo(HaveOccurred())
	return sandbox.Config{Nodes: nodes, TFTP: s.tftp, Dir: s.disks, AgentPath: self}
}

// node is a machine that boots at once, at 127.77.4.N.
func node(n int, faults ...config.Fault) sandbox.Node {
	addr := netip.AddrFrom4([4]byte{127, 77, 4, byte(n)})
	return sandbox.Node{Name: fmt.Sprintf("node-%d", n), Addr: addr, SSHPort: freePort(addr),
		Sandbox: config.Sandbox{BootDelay: time.Millisecond, Faults: faults}}
}

// hex is the name of a node's profile.
func hex(n sandbox.Node) string { return fmt.Sprintf("%X", n.Addr.AsSlice()) }

func freePort(addr netip.Addr) int {
	l, err := net.Listen("tcp", netip.AddrPortFrom(addr, 0).String())
	Expect(err).NotTo(HaveOccurred())
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func do(r *sandbox.Rack, n sandbox.Node, op power.Op, level power.Level) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, err := r.Do(ctx, power.Target{Name: n.Name}, op, level)
	return err
}

func status(r *sandbox.Rack, n sandbox.Node) power.Status {
	GinkgoHelper()
	s, err := r.Do(context.Background(), power.Target{Name: n.Name}, power.OpStatus, "")
	Expect(err).NotTo(HaveOccurred())
	return s
}

// screen is what the machine shows, for Eventually.
func screen(r *sandbox.Rack, n sandbox.Node) func() string {
	return func() string { return strings.Join(r.Console(n.Name), "\n") }
}

func lastLine(r *sandbox.Rack, n sandbox.Node) func() string {
	return func() string {
		lines := r.Console(n.Name)
		if len(lines) == 0 {
			return ""
		}
		return lines[len(lines)-1]
	}
}

// pid reads a number that a program of the machine noted on its disk, once it has.
func (s *site) pid(n sandbox.Node, name string) int {
	GinkgoHelper()
	var number int
	Eventually(func() (err error) {
		text, err := os.ReadFile(filepath.Join(s.disks, n.Name, name))
		if err == nil {
			number, err = strconv.Atoi(strings.TrimSpace(string(text)))
		}
		return err
	}).Should(Succeed())
	return number
}

// running says whether a process exists and is no zombie.
func running(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func newRack(cfg sandbox.Config) (*sandbox.Rack, error) {
	r, err := sandbox.New(cfg)
	if err == nil {
		DeferCleanup(r.Close)
	}
	return r, err
}

func must[T any](v T, err error) T {
	GinkgoHelper()
	Expect(err).NotTo(HaveOccurred())
	return v
}

// tarOf is an archive of one file.
func tarOf(name, content string) []byte {
	GinkgoHelper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	Expect(w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))})).To(Succeed())
	must(w.Write([]byte(content)))
	Expect(w.Close()).To(Succeed())
	return b.Bytes()
}

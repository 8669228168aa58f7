//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/lab"
	"github.com/kadeploy/kadeploy/internal/lab/labimage"
	"github.com/kadeploy/kadeploy/internal/lab/labsite"
)

// world is a lab, and the programs at work in it.
type world struct {
	*labsite.Site
	kernel lab.Kernel // of the deployment system and the images
	boot   string     // directory of the deployment system
}

// setup is what a spec wants of its world. The zero value is one BIOS machine, iPXE, IPMI and the site's own DHCP server.
type setup struct {
	machines []lab.MachineConfig
	kernel   func() (lab.Kernel, error)
	loader   string
	power    string
	dhcp     string // the product's: off (a foreign one names what to boot), proxy (a foreign one gives addresses), full
	daemon   map[string]string
	nodes    map[string]string

	partitions string // the partition file; "": labsite's
}

func begin(s setup) *world {
	GinkgoHelper()
	if s.machines == nil {
		s.machines = make([]lab.MachineConfig, 1)
	}
	if s.kernel == nil {
		s.kernel = lab.HostKernel
	}
	k, err := s.kernel()
	Expect(err).NotTo(HaveOccurred())
	boot, err := labsite.BootFiles(programs, k)
	Expect(err).NotTo(HaveOccurred())
	l, err := lab.New(lab.Config{Machines: s.machines})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(l.Close)
	w := &world{&labsite.Site{Lab: l, Conf: filepath.Join(l.Dir, "site"), Programs: programs}, k, boot}
	daemon := map[string]string{}
	if s.dhcp != "" {
		daemon["dhcp"], daemon["dhcp_interface"] = s.dhcp, "eth0"
	}
	for k, v := range s.daemon {
		daemon[k] = v
	}
	Expect(labsite.Write(labsite.Config{
		Lab: l, Dir: w.Conf, Boot: boot, Loader: s.loader, Power: s.power, Daemon: daemon, Nodes: s.nodes,
	})).To(Succeed())
	if s.partitions != "" {
		Expect(os.WriteFile(filepath.Join(w.Conf, "partitions"), []byte(s.partitions), 0o644)).To(Succeed())
	}
	w.run("kadeploy-server", "netboot", "install", "-d", w.Conf)
	switch s.dhcp {
	case "":
		Expect(l.StartDHCP(labsite.DHCP(s.loader))).To(Succeed())
	case "proxy":
		Expect(l.StartDHCP(lab.DHCP{})).To(Succeed())
	}
	DeferCleanup(w.tell)
	w.startServer()
	return w
}

func (w *world) startServer() {
	GinkgoHelper()
	w.run("kadeploy-server", "start", "-d", w.Conf)
	DeferCleanup(func() { w.Run("kadeploy-server", "stop", "-d", w.Conf) })
}

// killServer ends the server as a crash does.
func (w *world) killServer() {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(w.Conf, "var/kadeploy-server.pid"))
	Expect(err).NotTo(HaveOccurred())
	first, _, _ := strings.Cut(string(text), "\n") // what follows is its address
	pid, err := strconv.Atoi(first)
	Expect(err).NotTo(HaveOccurred())
	Expect(syscall.Kill(pid, syscall.SIGKILL)).To(Succeed())
}

func (w *world) run(program string, args ...string) string {
	GinkgoHelper()
	out, err := w.Run(program, args...)
	Expect(err).NotTo(HaveOccurred())
	return out
}

// sent is how many bytes have left the server on the network.
func (w *world) sent() uint64 {
	GinkgoHelper()
	out, err := w.OnServer(context.Background(), "ip", "-s", "-j", "link", "show", "eth0").Output()
	Expect(err).NotTo(HaveOccurred())
	var links []struct {
		Stats struct{ TX struct{ Bytes uint64 } } `json:"stats64"`
	}
	Expect(json.Unmarshal(out, &links)).To(Succeed())
	Expect(links).To(HaveLen(1))
	return links[0].Stats.TX.Bytes
}

// events are those of a deployment, a line each.
func (w *world) events(r labsite.Report) string {
	GinkgoHelper()
	text, err := w.Events(r.ID)
	Expect(err).NotTo(HaveOccurred())
	return text
}

// phases are the machines' ends.
func phases(r labsite.Report) map[string]string {
	m := make(map[string]string)
	for _, n := range r.Nodes {
		m[n.Name] = n.Phase
	}
	return m
}

// deploy deploys an environment on all machines and waits for the end, whatever it is.
func (w *world) deploy(env string, args ...string) labsite.Report {
	GinkgoHelper()
	return w.await(w.startDeploy(env, args...))
}

// mustDeploy deploys, and goes on only if every node is said to be OK; the rest is for the consoles to say.
func (w *world) mustDeploy(env string, args ...string) labsite.Report {
	GinkgoHelper()
	r := w.deploy(env, args...)
	Expect(r.Outcome).To(Equal("all_ok"), r.Text)
	Expect(r.ExitCode).To(BeZero())
	return r
}

func (w *world) startDeploy(env string, args ...string) *labsite.Deployment {
	GinkgoHelper()
	d, err := w.Deploy(env, args...)
	Expect(err).NotTo(HaveOccurred())
	return d
}

// await waits for the end of a deployment, whatever it is.
func (w *world) await(d *labsite.Deployment) labsite.Report {
	GinkgoHelper()
	r, err := d.Wait()
	Expect(err).NotTo(HaveOccurred())
	GinkgoWriter.Printf("%s after %.1f s: %s\n", r.Outcome, r.Seconds, r.Text)
	for _, n := range r.Nodes {
		GinkgoWriter.Printf("  %s %s %v %s\n%s\n", n.Name, n.Phase, n.Seconds, n.Cause, strings.Join(n.Evidence, "\n"))
	}
	return r
}

// tiny puts the tiny image into the site, as an environment whose keys may be changed, and returns its description.
func (w *world) tiny(id string, keys map[string]string) string {
	GinkgoHelper()
	image, err := labimage.Tiny(w.kernel, id)
	Expect(err).NotTo(HaveOccurred())
	env, err := labsite.AddEnvironment(w.Conf, labsite.Environment{Name: id, Image: image, Kind: "tzst", Keys: keys})
	Expect(err).NotTo(HaveOccurred())
	return env
}

func (w *world) marks() (marks []lab.Mark) {
	for _, m := range w.Machines {
		marks = append(marks, m.Serial.Mark())
	}
	return marks
}

// expectSystem waits until the console of m says, after the mark, that the image runs from that root and with that word of its kernel's
// command line.
func expectSystem(m *lab.Machine, mark lab.Mark, image, root, word string) {
	GinkgoHelper()
	expectConsole(m, mark, fmt.Sprintf(`LAB-SYSTEM image=%s root=%s addr=%s cmdline=\[[^]]*%s`, image, root, strings.ReplaceAll(m.Addr.String(), ".", `\.`), word))
}

func expectConsole(m *lab.Machine, mark lab.Mark, pattern string) {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	_, err := m.Serial.Wait(ctx, mark, pattern)
	Expect(err).NotTo(HaveOccurred())
}

// tell writes what is needed to understand a failure.
func (w *world) tell() {
	if !CurrentSpecReport().Failed() {
		return
	}
	show := func(path string, lines int) {
		text, _ := os.ReadFile(path)
		all := strings.Split(strings.TrimSpace(string(text)), "\n")
		GinkgoWriter.Printf("---- %s\n%s\n", path, strings.Join(all[max(0, len(all)-lines):], "\n"))
	}
	show(filepath.Join(w.Conf, "var/kadeploy-server.log"), 60)
	for _, m := range w.Machines {
		show(filepath.Join(m.Dir, "serial.log"), 60)
		show(filepath.Join(m.Dir, "chassis.log"), 30)
	}
	show(filepath.Join(w.Dir, "dhcp.log"), 10)
}

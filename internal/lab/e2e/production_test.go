//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/lab"
	"github.com/kadeploy/kadeploy/internal/lab/labimage"
	"github.com/kadeploy/kadeploy/internal/lab/labsite"
)

// production is a world whose machine runs a minimal Debian on its first partition, which root enters with the site's key.
func production() (w *world, m *lab.Machine) {
	GinkgoHelper()
	w = begin(setup{machines: []lab.MachineConfig{{Memory: 1024}}, nodes: map[string]string{
		"timeout_reboot": "300", // systemd takes its time without KVM
		"macrostep":      "SetDeploymentEnv|SetDeploymentEnvUntrusted:2:400\nBroadcastEnv|BroadcastEnvChain:1:600\nBootNewEnv|BootNewEnvClassical:1:400",
	}})
	m = w.Machines[0]
	image, err := labimage.Debian()
	Expect(err).NotTo(HaveOccurred())
	env, err := labsite.AddEnvironment(w.Conf, labsite.Environment{Name: "debian", Image: image, Kind: "tzst"})
	Expect(err).NotTo(HaveOccurred())
	key := filepath.Join(w.Conf, "site.key")
	Expect(exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).Run()).To(Succeed())
	w.mustDeploy(env, "-k", key+".pub")
	expectSystem(m, 0, "debian", "/dev/vda1", "id=debian")
	known, err := w.OnServer(context.Background(), "ssh-keyscan", "-T", "60", "-t", "ed25519", m.Addr.String()).Output()
	Expect(err).NotTo(HaveOccurred())
	var address, kind, public string
	_, err = fmt.Sscan(string(known), &address, &kind, &public)
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(filepath.Join(w.Conf, "known_hosts"), fmt.Appendln(nil, m.Name, kind, public), 0o644)).To(Succeed())
	return w, m
}

// enter has the server begin in the system that runs.
func (w *world) enter(instance, part string) {
	GinkgoHelper()
	Expect(labsite.Write(labsite.Config{Lab: w.Lab, Dir: w.Conf, Boot: w.boot, Nodes: map[string]string{
		"ssh_key": "site.key", "ssh_known_hosts": "known_hosts", "deploy_part": part, "timeout_reboot": "300", "timeout_reboot_kexec": "300",
		"macrostep": "SetDeploymentEnv|SetDeploymentEnv" + instance + ":1:600\nBroadcastEnv|BroadcastEnvChain:1:300\nBootNewEnv|BootNewEnvClassical:1:400",
	}})).To(Succeed())
	w.run("kadeploy-server", "restart", "-d", w.Conf)
}

var _ = Describe("A machine with a system that runs", func() {
	It("is deployed from there, beside that system and never over it", func() {
		w, m := production()
		env := w.tiny("tiny", nil)
		w.enter("Prod", "1")
		r := w.deploy(env)
		Expect(r.Nodes[0].Phase).To(Equal("ko"))
		Expect(r.Nodes[0].State).To(Equal("SetDeploymentEnv/Prod/check_nodes"))
		Expect(r.Nodes[0].Cause).To(Equal("/dev/vda1 is mounted on / by the running system: a disk that is in use is not written"))

		w.enter("Prod", "2")
		mark := m.Serial.Mark()
		w.mustDeploy(env)
		expectSystem(m, mark, "tiny", "/dev/vda2", "id=tiny")
		text, err := m.Serial.Since(mark)
		Expect(err).NotTo(HaveOccurred())
		Expect(text).NotTo(ContainSubstring("kadeploy deployment system"))
		Expect(fileOnDisk(m, 1, "/etc/image")).To(Equal("debian\n"))
		Expect(fileOnDisk(m, 2, "/etc/image")).To(Equal("tiny\n"))
		left, err := exec.Command("debugfs", "-R", "ls -p /", partitionOf(m, 1)).Output()
		Expect(err).NotTo(HaveOccurred())
		Expect(string(left)).NotTo(ContainSubstring("/rambin/"))
	})

	It("starts the deployment system without its firmware", func() {
		w, m := production()
		w.enter("Kexec", "1")
		mark := m.Serial.Mark()
		w.mustDeploy(w.tiny("tiny", nil))
		expectSystem(m, mark, "tiny", "/dev/vda1", "id=tiny")
		expectConsole(m, mark, `(?s)kadeploy deployment system.*SeaBIOS.*LAB-SYSTEM`)
		text, err := m.Serial.Since(mark)
		Expect(err).NotTo(HaveOccurred())
		Expect(text).NotTo(MatchRegexp(`(?s)SeaBIOS.*kadeploy deployment system`))
		Expect(fileOnDisk(m, 1, "/etc/image")).To(Equal("tiny\n"))
	})
})

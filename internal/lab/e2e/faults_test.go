//go:build e2e

package e2e_test

import (
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/lab"
	"github.com/kadeploy/kadeploy/internal/lab/labsite"
)

// quick has one try of each macro-step, and less patience with boots.
var quick = map[string]string{
	"timeout_reboot": "100", "macrostep": "SetDeploymentEnv|SetDeploymentEnvUntrusted:1:120\nBroadcastEnv|BroadcastEnvChain:1:200\nBootNewEnv|BootNewEnvClassical:1:150",
}

// impatient does not wait long for an agent whose connection broke.
var impatient = map[string]string{"agent_reconnect": "20"}

// shellInitrd has a shell on the console of the deployment system.
const shellInitrd = "initrd-kadeploy console=ttyS0,115200 quiet kadeploy.shell=1"

var _ = Describe("When something is wrong", func() {
	It("a machine that never boots costs itself, and the others of a quorum are OK", Label("nightly"), func() {
		w := begin(setup{machines: make([]lab.MachineConfig, 4), nodes: patient})
		Expect(w.Machines[1].Cut()).To(Succeed())
		r := w.deploy(w.tiny("tiny", nil), "--min-nodes", "3")
		Expect(phases(r)).To(HaveKeyWithValue("node-2", Not(Equal("ok"))))
		Expect(r.Outcome).To(Equal("quorum"), r.Text)
		for i, m := range w.Machines {
			if i != 1 {
				expectSystem(m, 0, "tiny", "/dev/vda1", "id=tiny")
			}
		}
		Expect(w.Machines[1].Serial.Since(0)).NotTo(ContainSubstring("kadeploy deployment system"))
	})

	It("a machine alone that never boots is KO, with the reason", func() {
		w := begin(setup{nodes: quick})
		Expect(w.Machines[0].Cut()).To(Succeed())
		r := w.deploy(w.tiny("tiny", nil))
		Expect(r.Outcome).To(Equal("failed"))
		Expect(r.Nodes[0].Cause).To(ContainSubstring("did not call"))
		Expect(w.Machines[0].ChassisLog()).To(MatchRegexp(`ipmi (on|reset|cycle): ok`))
	})

	It("a BMC that refuses is asked harder, and again", func() {
		w := begin(setup{})
		m := w.Machines[0]
		Expect(m.Cut()).To(Succeed()) // until it is reset: the firmware of a machine that is on would find its profile by itself
		Expect(m.On()).To(Succeed())
		Expect(m.SetFault(lab.Refuse)).To(Succeed())
		d := w.startDeploy(w.tiny("tiny", nil))
		Eventually(m.ChassisLog, "2m").Should(MatchRegexp(`(?s) ipmi reset: refused\n.* ipmi off: refused\n`))
		Expect(m.SetFault(lab.Healthy)).To(Succeed())
		Eventually(m.ChassisLog, "2m").Should(MatchRegexp(` ipmi (reset|off): ok\n`))
		Expect(m.Heal()).To(Succeed())
		Expect(w.await(d).Outcome).To(Equal("all_ok"))
		expectSystem(m, 0, "tiny", "/dev/vda1", "id=tiny")
	})

	It("a BMC that lies is found out: the machine did not come", func() {
		w := begin(setup{nodes: quick})
		m := w.Machines[0]
		Expect(m.SetFault(lab.Lie)).To(Succeed())
		r := w.deploy(w.tiny("tiny", nil))
		Expect(r.Outcome).To(Equal("failed"))
		Expect(r.Nodes[0].Cause).To(ContainSubstring("did not call"))
		Expect(m.ChassisLog()).To(ContainSubstring("claimed, not done"))
		Expect(m.Powered()).To(BeFalse())
	})

	It("a BMC that is mute is named", func() {
		w := begin(setup{nodes: quick})
		m := w.Machines[0]
		Expect(m.SetFault(lab.Mute)).To(Succeed())
		r := w.deploy(w.tiny("tiny", nil))
		Expect(r.Outcome).To(Equal("failed"))
		Expect(r.Nodes[0].Cause).To(ContainSubstring(m.BMC.String()))
		Expect(m.Powered()).To(BeFalse())
	})

	It("a disk that is too small for the image is said to be, and the machine is KO", func() {
		w := begin(setup{nodes: quick, partitions: "o\nn\np\n1\n\n+14M\nt\nPARTTYPE\nw\n"})
		r := w.deploy(w.tiny("tiny", nil))
		Expect(r.Outcome).To(Equal("failed"))
		Expect(r.Nodes[0].Cause).To(MatchRegexp(`^receive: no space left on device: the image needs \d+ MiB, and /dev/vda1 has room for \d+ MiB; nothing was written$`))
		m := w.Machines[0]
		Expect(fileSystemSize(m, 1)).To(Equal(14 << 20))
		Expect(fileOnDisk(m, 1, "/etc/image")).To(BeEmpty())
		text, err := m.Serial.Since(0)
		Expect(err).NotTo(HaveOccurred())
		Expect(text).NotTo(ContainSubstring("LAB-SYSTEM"))
		Expect(strings.Count(text, "kadeploy deployment system")).To(Equal(1), "no boot makes a disk larger")
	})

	It("a first boot that finds no network is followed by a harder reboot, and a level that fails by the next", Label("nightly"), func() {
		w := begin(setup{power: "command", nodes: map[string]string{
			"timeout_reboot": "240", "macrostep": "SetDeploymentEnv|SetDeploymentEnvUntrusted:2:400\nBroadcastEnv|BroadcastEnvChain:1:400\nBootNewEnv|BootNewEnvClassical:1:400",
		}})
		m := w.Machines[0]
		power := "#!/bin/sh\nbmc() { ipmitool -I lanplus -C 3 -H " + m.BMC.String() + " -U lab -P lab chassis power $1; }\n" +
			"case $2 in soft) bmc soft;; hard) bmc reset;; very_hard) bmc cycle;; esac\n"
		Expect(os.WriteFile(filepath.Join(w.Conf, "power"), []byte(power), 0o755)).To(Succeed())
		Expect(m.Cut()).To(Succeed())
		Expect(m.On()).To(Succeed())
		Expect(m.SetFault(lab.RefuseReset)).To(Succeed())
		d := w.startDeploy(w.tiny("tiny", nil))
		expectConsole(m, 0, "No more network devices|No bootable device")
		Eventually(m.ChassisLog, "6m").Should(ContainSubstring("ipmi reset: refused"))
		Expect(m.Serial.Since(0)).NotTo(ContainSubstring("kadeploy deployment system"))
		Expect(m.Heal()).To(Succeed())
		r := w.await(d)
		Expect(r.Outcome).To(Equal("all_ok"), r.Text)
		Expect(m.ChassisLog()).To(MatchRegexp(`(?s) lab on: ok.* ipmi soft: ok.* ipmi reset: refused.* ipmi off: ok.* ipmi on: ok`))
		expectConsole(m, 0, `(?s)SeaBIOS.*SeaBIOS.*kadeploy deployment system.*SeaBIOS.*LAB-SYSTEM`)
		expectSystem(m, 0, "tiny", "/dev/vda1", "id=tiny")
	})

	// inTransfer starts a deployment and returns when some of the image, which comes slowly, has left the server.
	inTransfer := func(w *world, m *lab.Machine) *labsite.Deployment {
		GinkgoHelper()
		d := w.startDeploy(w.tiny("tiny", nil))
		Eventually(func() (string, error) {
			text, err := os.ReadFile(filepath.Join(w.Conf, "var/kadeploy-server.log"))
			return string(text), err
		}, "3m", "50ms").Should(MatchRegexp(`agents: joined.*` + m.Name))
		Expect(m.Limit(3_000_000)).To(Succeed())
		before := w.sent()
		Eventually(w.sent, "3m", "50ms").Should(BeNumerically(">", before+4<<20))
		return d
	}

	It("a machine whose cable is pulled in the transfer gets the image when it is back", Label("nightly"), func() {
		w := begin(setup{daemon: impatient})
		m := w.Machines[0]
		d := inTransfer(w, m)
		Expect(m.Cut()).To(Succeed())
		was := chassisLines(m)
		Eventually(func() int { return chassisLines(m) }, "4m").Should(BeNumerically(">", was), "it is rebooted")
		Expect(m.Limit(0)).To(Succeed())
		Expect(m.Heal()).To(Succeed())
		Expect(w.await(d).Outcome).To(Equal("all_ok"))
		expectSystem(m, 0, "tiny", "/dev/vda1", "id=tiny")
	})

	It("a server that is killed in the transfer finds it there when it is back, and the machine boots once", Label("nightly"), func() {
		w := begin(setup{})
		m := w.Machines[0]
		d := inTransfer(w, m)
		w.killServer()
		Expect(m.Limit(0)).To(Succeed())
		w.run("kadeploy-server", "start", "-d", w.Conf)
		r := w.await(d)
		Expect(r.Outcome).To(Equal("all_ok"), r.Text)
		Expect(r.Nodes[0].Tries).To(Equal(1))
		expectSystem(m, 0, "tiny", "/dev/vda1", "id=tiny")
		said, err := m.Serial.Since(0)
		Expect(err).NotTo(HaveOccurred())
		Expect(strings.Count(said, "kadeploy deployment system")).To(Equal(1))
		Expect(fileOnDisk(m, 1, "/etc/image")).To(Equal("tiny\n"))
		Expect(w.events(r)).To(ContainSubstring("went on from what they had"))
	})

	It("an agent that is killed in the transfer, on a machine that runs on, leaves that to the next boot", Label("nightly"), func() {
		w := begin(setup{daemon: impatient, nodes: map[string]string{"deploy_initrd": shellInitrd}})
		m := w.Machines[0]
		d := inTransfer(w, m)
		c := w.openConsole(m, "--write")
		c.typeIn("\nfor p in $(pidof init); do [ $p = 1 ] || kill -9 $p; done\n")
		expectConsole(m, 0, `(?s)the agent was killed: killed.*the machine stays as it is`)
		Expect(m.Limit(0)).To(Succeed())
		r := w.await(d)
		Expect(r.Outcome).To(Equal("all_ok"), r.Text)
		Expect(r.Nodes[0].Tries).To(BeNumerically(">", 1))
		expectConsole(m, 0, `(?s)the agent was killed.*SeaBIOS.*kadeploy deployment system.*SeaBIOS.*LAB-SYSTEM`)
		expectSystem(m, 0, "tiny", "/dev/vda1", "id=tiny")
		Expect(fileOnDisk(m, 1, "/etc/image")).To(Equal("tiny\n"))
	})

	It("a machine that is reset in the transfer, and its agent with it, gets the image at its next boot", Label("nightly"), func() {
		w := begin(setup{daemon: impatient})
		m := w.Machines[0]
		d := inTransfer(w, m)
		Expect(m.Limit(0)).To(Succeed())
		Expect(m.Reset()).To(Succeed())
		r := w.await(d)
		Expect(r.Outcome).To(Equal("all_ok"), r.Text)
		Expect(r.Nodes[0].Tries).To(BeNumerically(">", 1))
		expectSystem(m, 0, "tiny", "/dev/vda1", "id=tiny")
		Expect(fileOnDisk(m, 1, "/etc/image")).To(Equal("tiny\n"))
	})
})

func chassisLines(m *lab.Machine) int {
	GinkgoHelper()
	text, err := m.ChassisLog()
	Expect(err).NotTo(HaveOccurred())
	return strings.Count(text, "\n")
}

package sandbox_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/sandbox"
)

var _ = Describe("A fault", func() {
	var s *site
	BeforeEach(func() { s = newSite() })

	fault := func(kind, arg string) config.Fault { return config.Fault{Kind: kind, Arg: arg, Probability: 1} }
	hangs := func(r *sandbox.Rack, n sandbox.Node, line string) {
		GinkgoHelper()
		Eventually(lastLine(r, n)).Should(Equal(line))
	}

	It("boot-fails:N makes the first N boots hang in the firmware, and no other", func() {
		n := node(1, fault("boot-fails", "2"))
		s.bootsDeployment(hex(n), "")
		r := s.rack(n)
		Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
		hangs(r, n, "firmware: hangs (fault boot-fails, boot 1 of 2)")
		Expect(do(r, n, power.OpReboot, power.Hard)).To(Succeed())
		hangs(r, n, "firmware: hangs (fault boot-fails, boot 2 of 2)")
		Expect(do(r, n, power.OpReboot, power.Hard)).To(Succeed())
		s.pid(n, "agent")
	})

	It("never-boots makes every boot hang", func() {
		n := node(1, fault("never-boots", ""))
		s.bootsDeployment(hex(n), "")
		r := s.rack(n)
		for boot := 1; boot <= 3; boot++ {
			Expect(do(r, n, power.OpReboot, power.VeryHard)).To(Succeed())
			Eventually(screen(r, n)).Should(HaveSuffix(fmt.Sprintf("firmware: boot %d\nfirmware: hangs (fault never-boots)", boot)))
		}
		Expect(filepath.Join(s.disks, n.Name, "agent")).NotTo(BeAnExistingFile())
	})

	It("slow-boot:SECONDS makes every boot take longer", func() {
		n := node(1, fault("slow-boot", "0.4"))
		s.bootsDeployment(hex(n), "")
		r := s.rack(n)
		start := time.Now()
		Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
		s.pid(n, "agent")
		Expect(time.Since(start)).To(BeNumerically(">=", 400*time.Millisecond))
	})

	DescribeTable("disk-full:SIZE makes the disk smaller, never larger",
		func(size int64, full, told string) {
			n := node(1, fault("disk-full", full))
			n.DiskSize = size
			s.bootsDeployment(hex(n), "")
			r := s.rack(n)
			Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
			s.pid(n, "agent")
			Expect(string(must(os.ReadFile(filepath.Join(s.disks, n.Name, "args"))))).To(HaveSuffix("--sandbox-capacity " + told))
		},
		Entry(nil, int64(0), "2MiB", "2097152"),
		Entry(nil, int64(1<<30), "64MB", "64000000"),
		Entry(nil, int64(1<<20), "1GiB", "1048576"),
		Entry(nil, int64(0), "12345", "12345"),
	)

	It("slow-disk:RATE makes the disk slow, and the slowest counts", func() {
		n := node(1, fault("slow-disk", "1MiB"), fault("slow-disk", "256KiB"), fault("slow-disk", "2MB"))
		s.bootsDeployment(hex(n), "")
		r := s.rack(n)
		Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
		s.pid(n, "agent")
		Expect(string(must(os.ReadFile(filepath.Join(s.disks, n.Name, "args"))))).To(HaveSuffix("--sandbox-rate 262144"))
	})

	DescribeTable("of the agent is handed to it at each boot until it has happened",
		func(kind string) {
			n := node(1, fault(kind, "mount_deploy_part"), fault("agent-crash", "sync"))
			s.bootsDeployment(hex(n), "")
			r := s.rack(n)
			args := func() string { return string(must(os.ReadFile(filepath.Join(s.disks, n.Name, "args")))) }
			first, second := " --sandbox-fault "+kind+":mount_deploy_part", " --sandbox-fault agent-crash:sync"

			Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
			agent := s.pid(n, "agent")
			Expect(args()).To(HaveSuffix(first + second))

			s.bootsDeployment(hex(n), "habit=faults") // nothing had happened: both again, and now the first does
			Expect(do(r, n, power.OpReboot, power.Hard)).To(Succeed())
			Eventually(func() int { return s.pid(n, "agent") }).ShouldNot(Equal(agent))
			Expect(args()).To(HaveSuffix(first + second))
			Eventually(screen(r, n)).Should(HaveSuffix("agent ended: signal: killed"))

			s.bootsDeployment(hex(n), "")
			agent = s.pid(n, "agent")
			Expect(do(r, n, power.OpReboot, power.Hard)).To(Succeed())
			Eventually(func() int { return s.pid(n, "agent") }).ShouldNot(Equal(agent))
			Expect(args()).NotTo(ContainSubstring(first))
			Expect(args()).To(HaveSuffix(second))
		},
		Entry("agent-crash", "agent-crash"),
		Entry("hung-order", "hung-order"),
	)

	It("with a probability hits the same machines for the same seed, others for another, and about as many", func() {
		hit := func(seed uint64) map[string]bool {
			var nodes []sandbox.Node
			for i := range 100 {
				n := sandbox.Node{Name: fmt.Sprintf("node-%d", i), Addr: node(1).Addr}
				n.Seed, n.Faults = seed, []config.Fault{{Kind: "never-boots", Probability: 0.3}}
				nodes = append(nodes, n)
			}
			cfg := s.config(nodes...)
			cfg.Dir = GinkgoT().TempDir()
			r := must(newRack(cfg))
			for _, n := range nodes {
				Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
			}
			hits := make(map[string]bool)
			for _, n := range nodes {
				Eventually(screen(r, n)).Should(Or(ContainSubstring("never-boots"), ContainSubstring("no boot profile")))
				hits[n.Name] = screen(r, n)() == "firmware: boot 1\nfirmware: hangs (fault never-boots)"
			}
			return hits
		}
		first := hit(1)
		count := 0
		for _, h := range first {
			if h {
				count++
			}
		}
		Expect(count).To(BeNumerically("~", 30, 15))
		Expect(hit(1)).To(Equal(first))
		Expect(hit(2)).NotTo(Equal(first))
	})

	It("never happens with probability 0", func() {
		n := node(1, config.Fault{Kind: "never-boots"})
		s.bootsDeployment(hex(n), "")
		r := s.rack(n)
		Expect(do(r, n, power.OpOn, power.Soft)).To(Succeed())
		s.pid(n, "agent")
	})
})

var _ = Describe("A rack", func() {
	DescribeTable("refuses what cannot be a machine, and says which node it is",
		func(change func(*sandbox.Node), why string) {
			s, n := newSite(), node(1)
			change(&n)
			_, err := newRack(s.config(n))
			Expect(err).To(MatchError(And(HavePrefix("sandbox node "), ContainSubstring(why))))
		},
		Entry("an address of the real network", func(n *sandbox.Node) { n.Addr = netip.MustParseAddr("192.0.2.1") }, "192.0.2.1 is not a loopback address"),
		Entry("no address", func(n *sandbox.Node) { n.Addr = netip.Addr{} }, "not a loopback address"),
		Entry("a port that does not exist", func(n *sandbox.Node) { n.SSHPort = 70_000 }, "ssh port 70000 does not exist"),
		Entry("a name that leaves the directory", func(n *sandbox.Node) { n.Name = "../etc" }, "cannot name a directory"),
		Entry("a name below the directory", func(n *sandbox.Node) { n.Name = "a/b" }, "cannot name a directory"),
		Entry("a hidden name", func(n *sandbox.Node) { n.Name = ".sessions" }, "cannot name a directory"),
		Entry("no name", func(n *sandbox.Node) { n.Name = "" }, "cannot name a directory"),
		Entry("an unknown fault", func(n *sandbox.Node) { n.Faults = []config.Fault{{Kind: "fire"}} }, "fault fire:: unknown kind"),
		Entry("boots that cannot be counted", func(n *sandbox.Node) { n.Faults = []config.Fault{{Kind: "boot-fails", Arg: "many"}} }, `"many" is not a whole number`),
		Entry("a size that is none", func(n *sandbox.Node) { n.Faults = []config.Fault{{Kind: "disk-full", Arg: "-4GiB"}} }, `size -4GiB is out of range`),
		Entry("a disk that stands still", func(n *sandbox.Node) { n.Faults = []config.Fault{{Kind: "slow-disk", Arg: "1"}} }, "less than 64KiB"),
		Entry("a time that is none", func(n *sandbox.Node) { n.Faults = []config.Fault{{Kind: "slow-boot", Arg: "NaN"}} }, "not between 0 and a year"),
		Entry("a fault without its step", func(n *sandbox.Node) { n.Faults = []config.Fault{{Kind: "agent-crash"}} }, "the micro-step is missing"),
	)

	It("refuses two machines of one name, and processes without a binary", func() {
		s := newSite()
		_, err := newRack(s.config(node(1), node(1)))
		Expect(err).To(MatchError(ContainSubstring("there are two of that name")))
		cfg := s.config(node(1))
		cfg.AgentPath = ""
		_, err = newRack(cfg)
		Expect(err).To(MatchError(ContainSubstring("no agent binary is configured")))
	})
})

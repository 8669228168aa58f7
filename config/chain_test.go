package config_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
)

var _ = Describe("The chain's parameters", func() {
	It("have defaults that need no thought", func() {
		site := minimal().load()
		g := site.Global
		Expect([]int64{g.ChainRate, g.ChainRateTotal}).To(Equal([]int64{0, 0}))
		Expect(g.ChainStall).To(Equal(2 * time.Second))
		n := node(site, "n1")
		Expect(n.ChainRing).To(BeEquivalentTo(64 << 20))
		Expect(n.SlowDisk).To(Equal(2 * time.Second))
		Expect(n.ChainTLS).To(BeFalse())
		Expect(n.Switch + n.Rack).To(BeEmpty())
	})

	It("of a node stand on its line, and win over those of its cluster and of all", func() {
		site := minimal().
			and("deploy.conf", "rack = r1\nchain_ring = 32\nchain_tls = yes").
			and("cluster-c.conf", "switch = sw1\nchain_slow_disk = 0").
			and("nodes.conf", `n3 127.1.0.3 c switch=sw2 rack=row-2/r7 chain_ring=16MiB chain_slow_disk=500ms chain_tls=no`).
			and("nodes.conf", `n4 127.1.0.4 c switch="" rack=""`).load()
		where := func(name string) []string { n := node(site, name); return []string{n.Switch, n.Rack} }
		Expect(where("n1")).To(Equal([]string{"sw1", "r1"}))
		Expect(where("n3")).To(Equal([]string{"sw2", "row-2/r7"}))
		Expect(where("n4")).To(Equal([]string{"", ""}))
		as := func(name string) config.Settings { return node(site, name).Settings }
		Expect(as("n1").ChainRing).To(BeEquivalentTo(32 << 20))
		Expect(as("n1").SlowDisk).To(BeZero())
		Expect(as("n1").ChainTLS).To(BeTrue())
		Expect(as("n3").ChainRing).To(BeEquivalentTo(16 << 20))
		Expect(as("n3").SlowDisk).To(Equal(500 * time.Millisecond))
		Expect(as("n3").ChainTLS).To(BeFalse())
	})

	It("are computed for each node in HCL", func() {
		f := minimal().without("nodes.conf").without("deploy.conf")
		f["deploy.hcl"] = "chain_rate = \"50MB\"\nchain_rate_total = 110\nchain_stall = \"500ms\"\nchain_tls = true\n"
		f["nodes.hcl"] = `node "n[1-4]" {
  address = "127.1.0.[1-4]"
  cluster = "c"
  switch  = node.index < 2 ? "sw1" : "sw2"
  rack    = "r1"
}`
		site := f.load()
		var switches []string
		for _, n := range site.Nodes {
			switches = append(switches, n.Rack+" "+n.Switch)
		}
		Expect(switches).To(Equal([]string{"r1 sw1", "r1 sw1", "r1 sw2", "r1 sw2"}))
		Expect(site.Global.ChainRate).To(BeEquivalentTo(50_000_000))
		Expect(site.Global.ChainRateTotal).To(BeEquivalentTo(110 << 20))
		Expect(site.Global.ChainStall).To(Equal(500 * time.Millisecond))
		Expect(node(site, "n2").ChainTLS).To(BeTrue())
	})
})

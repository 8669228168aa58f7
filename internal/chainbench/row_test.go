package main

import (
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("A row", func() {
	const second = time.Second
	s := scenario{id: "faults/killed", size: 100 * mib, rate: 400 * mib, limit: 60 * second, fault: fault{signal: syscall.SIGKILL, victims: 1}}
	right := func(at time.Duration) ending { return ending{right: true, at: at} }
	wrong := func(at time.Duration) ending { return ending{at: at} }
	victim := ending{victim: true, at: second}
	sum := func(outcomes ...outcome) row {
		return sumUp(s, &entry{contestant: contestant{name: "c", remark: "slow starter"}, outcomes: outcomes})
	}
	hosts := func(endings ...ending) outcome { return outcome{hosts: endings} }

	It("has the median of the runs' times, each that of the last host which nothing was done to", func() {
		r := sum(
			hosts(right(4*second), victim, right(1*second)),
			hosts(right(1*second), victim, right(9*second)),
			hosts(right(2*second), victim, right(3*second)),
		)
		Expect(r.Seconds).To(HaveValue(BeEquivalentTo(4)))
		Expect(r.OfIdeal).To(HaveValue(BeEquivalentTo(0.5)), "100 MiB at 50 MiB a second are 2 seconds")
		Expect(r.Right).To(Equal(2))
		Expect(r.Hosts).To(Equal(3))
		Expect(r.Note).To(Equal("slow starter"))
	})

	It("counts the worst run's hosts, and a run with a wrong file has no time", func() {
		r := sum(hosts(right(4*second), victim, right(4*second)), hosts(right(1*second), victim, wrong(1*second)))
		Expect(r.Right).To(Equal(1))
		Expect(r.Seconds).To(HaveValue(BeEquivalentTo(4)))
		Expect(r.Note).To(Equal("hosts without the image in 1 of 2 runs"))
	})

	It("has no time at all when every run left somebody without the image", func() {
		r := sum(hosts(right(1*second), victim, wrong(1*second)))
		Expect(r.Seconds).To(BeNil())
		Expect(r.Note).To(Equal("returned, but not with the image everywhere"))
	})

	It("says that a host did not return, even with the image in its file", func() {
		r := sum(hosts(right(1*second), victim, right(0)))
		Expect(r.Seconds).To(BeNil())
		Expect(r.Right).To(Equal(2))
		Expect(r.Note).To(Equal("did not return in 60 s"))
	})

	It("counts the seconds lost from the same contestant's undisturbed time", func() {
		base := []*entry{
			{contestant: contestant{name: "other"}, outcomes: []outcome{hosts(right(1 * second))}},
			{contestant: contestant{name: "c"}, outcomes: []outcome{hosts(right(3 * second))}},
		}
		r := rows(s, []*entry{{contestant: contestant{name: "c"}, outcomes: []outcome{hosts(right(5*second), victim)}}}, base)
		Expect(r[0].Lost).To(HaveValue(BeEquivalentTo(2)))
	})

	It("divides the time of all processors by bytes and hosts, and memory by hosts", func() {
		o := hosts(right(1*second), right(1*second))
		o.cpu, o.peaks = 2*second, []int64{10 * mib, 20 * mib}
		r := sum(o)
		Expect(r.CPU).To(HaveValue(BeNumerically("~", 2e9/(200*mib), 1e-6)))
		Expect(r.PeakMax).To(HaveValue(BeEquivalentTo(20)))
		Expect(r.PeakMean).To(HaveValue(BeEquivalentTo(15)))
	})

	It("names the package of a rival that is not installed", func() {
		r := sumUp(s, &entry{contestant: contestant{name: "c"}, missing: need{"udp-sender", "udpcast"}})
		Expect(r.Note).To(Equal("udp-sender is not installed: Debian package udpcast"))
		var text strings.Builder
		Expect(printTable(&text, limitedColumns, []row{r})).To(Succeed())
		Expect(text.String()).To(ContainSubstring("c   -       -         -          -               udp-sender is not installed"))
	})
})

var _ = Describe("A host that is to be ready", func() {
	host := onLoopback(nil, "", 0).head // 127.83.0.1:25303

	DescribeTable("holds its port or does not", func(line, protocol string, want bool) {
		Expect(holds(line, host, protocol)).To(Equal(want))
	},
		Entry("listening at its address", "0: 0100537F:62D7 00000000:0000 0A", "tcp", true),
		Entry("listening at any address", "0: 00000000:62D7 00000000:0000 0A", "tcp", true),
		Entry("with no listener but a connection", "0: 0100537F:62D7 0100537F:9000 01", "tcp", false),
		Entry("at another's address", "0: 0200537F:62D7 00000000:0000 0A", "tcp", false),
		Entry("at another port", "0: 0100537F:62D8 00000000:0000 0A", "tcp", false),
		Entry("with UDP, which does not listen", "0: 00000000:62D7 00000000:0000 07", "udp", true),
	)
})

var _ = Describe("The share of others", func() {
	It("is what was neither idle nor the race's own", func() {
		before, after := ticks{busy: 100, all: 1000}, ticks{busy: 400, all: 1400}
		Expect(after.others(before, 2*time.Second)).To(Equal(0.25))
		Expect(after.others(before, 4*time.Second)).To(BeZero(), "never less")
		Expect(before.others(before, 0)).To(BeZero())
	})
})

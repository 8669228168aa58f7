package chain_test

import (
	"context"
	"slices"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/chain"
)

var _ = Describe("A chain of processes", func() {
	const size = 40 * chunk

	DescribeTable("serves the others when some die or freeze in the middle", func(sig syscall.Signal, victims ...int) {
		const links = 8
		b := prepare(links, size)
		open := b.slowAfter(10 * chunk)
		processes := b.spawnAll()
		out := b.background(context.Background())
		for _, p := range processes {
			p.writes(4 * chunk)
		}
		for _, v := range victims {
			processes[v].signal(sig)
		}
		open()
		report := settledIn(out)
		for i, r := range report.Results {
			lost := slices.Contains(victims, i)
			Expect(r.OK).To(Equal(!lost), "%+v", r)
			if lost {
				Expect(r.Cause).To(HavePrefix("lost by "))
				continue
			}
			processes[i].expectImage(b, r.Name)
		}
	},
		Entry("kill -9 of the first", syscall.SIGKILL, 0),
		Entry("kill -9 in the middle", syscall.SIGKILL, 4),
		Entry("kill -9 of the last", syscall.SIGKILL, 7),
		Entry("SIGSTOP of the first", syscall.SIGSTOP, 0),
		Entry("SIGSTOP in the middle", syscall.SIGSTOP, 4),
		Entry("SIGSTOP of the last", syscall.SIGSTOP, 7),
		Entry("SIGSTOP of the first two", syscall.SIGSTOP, 0, 1),
		Entry("SIGSTOP of two neighbours in the middle", syscall.SIGSTOP, 3, 4),
		Entry("SIGSTOP of the last two", syscall.SIGSTOP, 6, 7),
		Entry("SIGSTOP of every other", syscall.SIGSTOP, 1, 3, 5),
	)

	// lossOf tells of the moment when a link leaves the chain, and of the one when the chain is settled.
	lossOf := func(b *broadcast, name string) (lost, passed chan struct{}) {
		lost, passed = make(chan struct{}), make(chan struct{})
		b.send.Skipped = func(s chain.Skip) {
			if s.Name == name {
				close(lost)
			}
		}
		b.send.Passed = func() { close(passed) }
		return lost, passed
	}

	DescribeTable("takes one back that was frozen until the others had finished", func(victim int) {
		b := prepare(3, size)
		b.send.Linger = 60 * second
		lost, passed := lossOf(b, b.nodes[victim].name)
		open := b.slowAfter(10 * chunk)
		processes := b.spawnAll()
		out := b.background(context.Background())
		for _, p := range processes {
			p.writes(4 * chunk)
		}
		processes[victim].signal(syscall.SIGSTOP)
		Eventually(lost).WithTimeout(20 * second).Should(BeClosed())
		open()
		Eventually(passed).WithTimeout(20 * second).Should(BeClosed())
		processes[victim].signal(syscall.SIGCONT)
		report := settledIn(out)
		Expect(report.OK()).To(Equal(3), "%+v", report)
		for i, r := range report.Results {
			Expect(r.Late).To(Equal(i == victim), "%+v", report)
			processes[i].expectImage(b, r.Name)
		}
	}, Entry("the first", 0), Entry("in the middle", 1), Entry("the last", 2))

	It("feeds one that was killed and started again, from the beginning", func() {
		b := prepare(3, size)
		b.send.Linger = 60 * second
		lost, _ := lossOf(b, "n1")
		open := b.slowAfter(10 * chunk)
		processes := b.spawnAll()
		out := b.background(context.Background())
		for _, p := range processes {
			p.writes(4 * chunk)
		}
		processes[1].signal(syscall.SIGKILL)
		Eventually(lost).WithTimeout(20 * second).Should(BeClosed())
		processes[1] = b.spawn(1, b.send.Links[1].Addr)
		open()
		report := settledIn(out)
		Expect(report.OK()).To(Equal(3), "%+v", report)
		Expect(report.Results[1].Late).To(BeTrue())
		for i, r := range report.Results {
			processes[i].expectImage(b, r.Name)
		}
	})
})

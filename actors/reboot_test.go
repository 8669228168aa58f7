package actors

import (
	"context"
	"errors"
	"fmt"
	"testing/synctest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/power"
)

// bootPower is a slowPower that can be told what to boot.
type bootPower struct {
	slowPower
	refuses bool
}

func (p *bootPower) BootOnce(_ context.Context, t power.Target) error {
	if p.refuses {
		return errors.New("the boot order is locked")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = append(p.done, t.Name+" boots the network")
	return nil
}

var _ = Describe("The reboot window, with controllers and circuits", func() {
	ctx := context.Background()
	send := func(w *window, name string, control config.Control) <-chan powerResult {
		reply := make(chan powerResult, 1)
		node := &config.Node{Name: name, Cluster: "c"}
		node.Power, node.Control = "fake", control
		w.system.Root.Send(w.pid, powerRequest{ctx: ctx, node: node, op: power.OpReboot, level: power.Hard, reply: reply})
		return reply
	}

	It("gives a controller one thing to do at a time, and lets others pass meanwhile", func() {
		inWindow(8, &slowPower{}, func(w *window) {
			start := time.Now()
			shared := config.Control{Address: "chassis.lab"}
			a, b, c := send(w, "blade-1", shared), send(w, "blade-2", shared), send(w, "node-3", config.Control{})
			<-a
			<-c
			Expect(time.Since(start)).To(Equal(time.Second))
			<-b
			Expect(time.Since(start)).To(Equal(2 * time.Second))
		})
	})

	It("knows a controller whose address is made of the node's name", func() {
		inWindow(8, &slowPower{}, func(w *window) {
			start := time.Now()
			own := config.Control{Address: "HOSTNAME_SHORT-bmc"}
			a, b := send(w, "n-1.lab", own), send(w, "n-2.lab", own)
			<-a
			<-b
			Expect(time.Since(start)).To(Equal(time.Second))
		})
	})

	It("never has more under way on a circuit than its limit", func() {
		inWindow(8, &slowPower{}, func(w *window) {
			start := time.Now()
			var replies []<-chan powerResult
			for n := range 6 {
				replies = append(replies, send(w, fmt.Sprint("n-", n), config.Control{Limit: 2, Circuit: "pdu-1"}))
			}
			other := send(w, "o-1", config.Control{Limit: 2, Circuit: "pdu-2"})
			<-other
			Expect(time.Since(start)).To(Equal(time.Second))
			for _, r := range replies {
				Expect((<-r).err).NotTo(HaveOccurred())
			}
			Expect(time.Since(start)).To(Equal(3 * time.Second))
			Expect(w.power.max).To(Equal(3))
		})
	})

	It("is empty again when all is done", func() {
		inWindow(2, &slowPower{}, func(w *window) {
			for range 3 {
				<-send(w, "n-1", config.Control{Limit: 1})
			}
			synctest.Wait()
			Expect(w.power.now).To(BeZero())
		})
	})
})

var _ = Describe("One power operation", func() {
	request := func(control config.Control, op power.Op, level power.Level, network bool) powerRequest {
		node := &config.Node{Name: "n"}
		node.Power, node.Control = "fake", control
		return powerRequest{ctx: context.Background(), node: node, op: op, level: level, network: network}
	}
	attempted := func(p *bootPower, m powerRequest) ([]string, powerResult) {
		ssh := &slowPower{}
		result := perform(context.Background(), map[string]power.Driver{"fake": p, "ssh": ssh}, m, time.Minute)
		for _, did := range ssh.done {
			p.done = append(p.done, "ssh: "+did)
		}
		return p.done, result
	}

	It("tells the machine to boot the network first, where it is to and the site says so", func() {
		override := config.Control{BootOverride: true}
		done, _ := attempted(&bootPower{}, request(override, power.OpReboot, power.Hard, true))
		Expect(done).To(Equal([]string{"n boots the network", "n reboot hard"}))
		done, _ = attempted(&bootPower{}, request(override, power.OpReboot, power.Hard, false))
		Expect(done).To(Equal([]string{"n reboot hard"}))
		done, _ = attempted(&bootPower{}, request(config.Control{}, power.OpReboot, power.Hard, true))
		Expect(done).To(Equal([]string{"n reboot hard"}))
	})

	It("reboots nothing that would boot the wrong system", func() {
		done, result := attempted(&bootPower{refuses: true}, request(config.Control{BootOverride: true}, power.OpReboot, power.VeryHard, true))
		Expect(done).To(BeEmpty())
		Expect(result.err).To(MatchError("reboot very_hard: the boot order is locked"))
	})

	It("asks by ssh for what is soft, and the controller for what is hard", func() {
		bySSH := config.Control{SoftBySSH: true}
		done, _ := attempted(&bootPower{}, request(bySSH, power.OpReboot, power.Soft, false))
		Expect(done).To(Equal([]string{"ssh: n reboot soft"}))
		done, _ = attempted(&bootPower{}, request(bySSH, power.OpReboot, power.Hard, false))
		Expect(done).To(Equal([]string{"n reboot hard"}))
		done, _ = attempted(&bootPower{}, request(bySSH, power.OpOff, power.Soft, false))
		Expect(done).To(Equal([]string{"n off soft"}))
	})

	It("has one try at a status, and tells it", func() {
		_, result := attempted(&bootPower{}, request(config.Control{}, power.OpStatus, "", false))
		Expect(result.err).NotTo(HaveOccurred())
		Expect(result.status).To(Equal(power.On))
	})
})

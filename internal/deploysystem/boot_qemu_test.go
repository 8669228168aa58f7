//go:build qemu

package deploysystem_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
)

var _ = Describe("a machine booted with the deployment system", func() {
	do := func(session *agentlink.Session, o *agentpb.Order) {
		GinkgoHelper()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		result, err := session.Do(ctx, o, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(result.Ok).To(BeTrue(), result.Error)
	}
	syncOrder := &agentpb.Order{Step: "sync", Kind: &agentpb.Order_Sync{Sync: &agentpb.Sync{}}}
	rebootOrder := &agentpb.Order{Step: "reboot", Kind: &agentpb.Order_Reboot{Reboot: &agentpb.Reboot{}}}

	It("calls the server, obeys it, and reboots when it is told to", func() {
		site := newSite()
		g := boot(site.words(), card("virtio-net-pci", "net0")...)
		var session *agentlink.Session
		Eventually(site.joined, slow).Should(Receive(&session))
		AddReportEntry("from power on to Hello", time.Since(g.started).String())
		do(session, syncOrder)
		do(session, rebootOrder)
		Eventually(g.Session, slow).Should(gexec.Exit(0))
		Expect(site.left).To(Receive(BeNil()))
		Expect(g.said()).To(ContainSubstring("kadeploy: a reboot was ordered\n"))
		Expect(g.said()).NotTo(ContainSubstring("Kernel panic"))
	})
})

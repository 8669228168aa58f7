package agent_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/agent"
	"github.com/kadeploy/kadeploy/internal/agentlink"
)

var _ = Describe("Agents that boot at once", func() {
	It("all get through, though they are many times the strangers that the server bears", func() {
		const many = 100
		r := newRig()
		joined := make(chan *agentlink.Session, many)
		crowded, err := agentlink.Start(agentlink.Config{
			Listen: "127.0.0.1:0", Authority: r.pki, Boots: r.boots, Strangers: many / 5,
			Joined: func(s *agentlink.Session) { joined <- s }, Left: func(*agentlink.Session, error) {},
		})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(crowded.Close)
		ctx, cancel := context.WithCancel(context.Background())
		over := make(chan error, many)
		for n := range many {
			cfg := r.config()
			cfg.Server, cfg.Node, cfg.Token = crowded.Addr().String(), fmt.Sprint("storm-", n), fmt.Sprint("token-", n)
			Expect(r.boots.Expect(cfg.Node, cfg.Token, time.Now().Add(time.Minute))).To(Succeed())
			go func() {
				_, err := agent.Run(ctx, cfg)
				over <- err
			}()
		}
		DeferCleanup(func() {
			cancel()
			for range many {
				Eventually(over, "10s").Should(Receive())
			}
		})
		for range many {
			select {
			case <-joined:
			case err := <-over:
				Fail("refused: " + err.Error())
			case <-time.After(30 * time.Second):
				Fail("they do not get through")
			}
		}
	})
})

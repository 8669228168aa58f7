package actors_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/agent"
	"github.com/kadeploy/kadeploy/internal/power"
)

// cable leads from the agents of a site to its server, until it is cut. Nobody gets through before it is mended.
type cable struct {
	listener net.Listener
	server   string

	mu   sync.Mutex
	down bool
	all  []net.Conn
	wg   sync.WaitGroup
}

// lay puts the cable between an agent and the server that it is told of. The agents of a site have one in common.
func (c *cable) lay(cfg *agent.Config) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listener == nil {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return // the agent calls the server itself, and the spec finds nothing cut
		}
		c.listener, c.server = l, cfg.Server
		c.wg.Go(func() { c.run(l) })
	}
	cfg.Server = c.listener.Addr().String()
}

func (c *cable) run(l net.Listener) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", c.server)
		c.mu.Lock()
		if err != nil || c.down {
			c.mu.Unlock()
			in.Close()
			if out != nil {
				out.Close()
			}
			continue
		}
		c.all = append(c.all, in, out)
		c.mu.Unlock()
		for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
			c.wg.Go(func() {
				_, _ = io.Copy(way[0], way[1])
				way[0].Close()
				way[1].Close()
			})
		}
	}
}

func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = true
	for _, conn := range c.all {
		conn.Close()
	}
	c.all = nil
}

func (c *cable) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = false
}

func (c *cable) close() {
	c.cut()
	if c.listener != nil {
		c.listener.Close()
	}
	c.wg.Wait()
}

// cabled is a site whose image takes some seconds to arrive, and whose agents do not notice the orderly end of what a spec kills: the cable is
// cut before.
func cabled(more func(*blueprint)) (*site, *cable) {
	GinkgoHelper()
	c := &cable{}
	DeferCleanup(c.close)
	return unhurried(func(b *blueprint) {
		b.nodes, b.agents = 3, c.lay
		b.global["chain_rate"], b.global["broadcast_grace"] = "2MiB", "20"
		if more != nil {
			more(b)
		}
	}), c
}

// killed is the death of a server, and the start of another.
func (s *site) killed(c *cable, meanwhile func()) {
	GinkgoHelper()
	c.cut()
	if meanwhile != nil {
		meanwhile()
	}
	s.restart()
	c.mend()
}

// has waits until a node has told of so many bytes of its image, and returns how many it told of.
func (o *operation) has(node string, bytes uint64) uint64 {
	GinkgoHelper()
	return o.until(fmt.Sprint(node, " has ", bytes), func(e *message.Event) bool {
		return e.GetNode().GetNode() == node && e.GetNode().GetBytes() >= bytes
	}).GetNode().GetBytes()
}

// wentOn is what the end of a broadcast says of the bytes that its head has sent; -1 when it did not go on from anything.
func (o *operation) wentOn(from int) (sent int64) {
	GinkgoHelper()
	sent = -1
	for _, e := range o.events[from:] {
		if _, rest, ok := strings.Cut(e.GetChain().GetText(), "it went on from what they had: "); ok {
			_, err := fmt.Sscanf(rest, "%d of", &sent)
			Expect(err).NotTo(HaveOccurred())
		}
	}
	return sent
}

// stepsBack are the steps of a node from the one on in which it waits for its agent.
func (o *operation) stepsBack(node string, from int) []string {
	steps := o.steps(node, from)
	for i, micro := range steps {
		if micro == "await_agent" {
			return steps[i:]
		}
	}
	return nil
}

const half = 4 << 20 // of an image of 9 MiB

var _ = Describe("A broadcast in whose middle the server dies", func() {
	It("goes on with what its nodes have, in the same transfer", func() {
		s, c := cabled(nil)
		o := s.begin(s.deployment())
		had := o.has("node-1", half)
		s.killed(c, nil)
		seen := len(o.events)
		o = s.resumed(o)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		image, err := os.Stat(s.path("images/image.tar"))
		Expect(err).NotTo(HaveOccurred())
		Expect(o.wentOn(seen)).To(And(BeNumerically(">", 0), BeNumerically("<", image.Size()-int64(had)+1<<20)), "what had arrived is not sent again")
		Expect(o.chains()).To(Equal([][]string{s.names(), s.names()}))
		for _, node := range s.names() {
			Expect(s.boots(node)).To(Equal(1))
			Expect(o.report(node).GetTries()).To(BeEquivalentTo(1))
			Expect(o.stepsBack(node, seen)[:3]).To(Equal([]string{"await_agent", "send_environment", "manage_admin_post_install"}), "the disk is not touched again")
			Expect(s.disk(node, "usr/share/more")).To(HaveLen(8 << 20))
			Expect(s.disk(node, "etc/installed")).To(Equal("ran\n"))
		}
		Expect(s.log.String()).NotTo(ContainSubstring("panic"))
	})

	It("goes on after a second death", func() {
		s, c := cabled(nil)
		o := s.begin(s.deployment())
		for range 2 {
			o.has("node-1", half)
			s.killed(c, nil)
			o = s.resumed(o)
			o.enters("node-1", "await_agent")
		}
		seen := len(o.events)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(o.wentOn(seen)).To(And(BeNumerically(">", 0), BeNumerically("<", 6<<20)))
		Expect(s.boots("node-1")).To(Equal(1))
	})

	It("goes on with a raw image", func() {
		s, c := cabled(func(b *blueprint) { b.cluster["bootloader"], b.cluster["admin_post_install"] = "chainload_pxe", unsaid })
		image, err := os.ReadFile(s.path("images/image.tar"))
		Expect(err).NotTo(HaveOccurred())
		image[510], image[511] = 0x55, 0xaa
		s.file("images/raw.img", string(image))
		r := s.deployment()
		r.Environment = []byte("name : raw\nversion : 1\ntarball : images/raw.img|dd\nenvironment_kind : other\nfilesystem : ntfs\nfdisktype : 7\n")
		o := s.begin(r)
		had := o.has("node-1", half)
		s.killed(c, nil)
		seen := len(o.events)
		o = s.resumed(o)
		for _, node := range s.names() {
			o.until(node+" has it", func(e *message.Event) bool {
				n := e.GetNode()
				return n.GetNode() == node && n.GetMacro() == "BootNewEnv"
			})
			Expect(os.ReadFile(s.path("disks", node, "raw/3"))).To(Equal(image))
			Expect(o.stepsBack(node, seen)[:2]).To(Equal([]string{"await_agent", "send_environment"}))
		}
		Expect(o.wentOn(seen)).To(And(BeNumerically(">", 0), BeNumerically("<", int64(len(image))-int64(had)+1<<20)))
	})

	It("is over for a node that has everything: it is sent nothing, and its result is not lost", func() {
		s, c := cabled(nil)
		o := s.begin(s.deployment())
		o.has("node-1", half)
		s.killed(c, func() {
			o.until("the chain ends without the agents", func(e *message.Event) bool {
				return strings.HasPrefix(e.GetChain().GetText(), "the chain ended: 3 of 3")
			})
		})
		seen := len(o.events)
		o = s.resumed(o)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(o.chains()).To(HaveLen(1), "there is no second broadcast")
		for _, node := range s.names() {
			Expect(s.boots(node)).To(Equal(1))
			Expect(o.stepsBack(node, seen)[:3]).To(Equal([]string{"await_agent", "send_environment", "manage_admin_post_install"}))
			Expect(s.disk(node, "etc/installed")).To(Equal("ran\n"))
		}
	})

	It("begins with the disk again where the configuration would make another one today", func() {
		s, c := cabled(nil)
		o := s.begin(s.deployment())
		o.has("node-1", half)
		s.killed(c, func() { s.file("partitions.fdisk", partitions+"\n") })
		seen := len(o.events)
		o = s.resumed(o)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(o.wentOn(seen)).To(BeEquivalentTo(-1))
		Expect(o.stepsBack("node-1", seen)[:3]).To(Equal([]string{"await_agent", "umount_deploy_part", "create_partition_table"}))
		Expect(s.disk("node-1", "etc/installed")).To(Equal("ran\n"))
	})

	It("begins with the disk again where a custom operation has worked on it, which is in no order", func() {
		s, c := cabled(nil)
		r := s.deployment()
		r.CustomOperationsPath = s.path("steps.yaml")
		r.CustomOperations = []byte("SetDeploymentEnv:\n  format_deploy_part:\n    post-ops:\n      - {action: exec, command: \"true\"}\n")
		o := s.begin(r)
		o.has("node-1", half)
		s.killed(c, nil)
		seen := len(o.events)
		o = s.resumed(o)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(o.wentOn(seen)).To(BeEquivalentTo(-1))
		Expect(o.stepsBack("node-1", seen)[:3]).To(Equal([]string{"await_agent", "umount_deploy_part", "create_partition_table"}))
		Expect(s.boots("node-1")).To(Equal(1))
		Expect(s.disk("node-1", "etc/installed")).To(Equal("ran\n"))
	})

	It("goes on without a node that died with the server, which boots and gets the image from the beginning", func() {
		s, c := cabled(nil)
		o := s.begin(s.deployment())
		o.has("node-1", half)
		s.killed(c, func() {
			_, err := s.rack.Do(context.Background(), power.Target{Name: "node-3"}, power.OpOff, power.Hard)
			Expect(err).NotTo(HaveOccurred())
		})
		seen := len(o.events)
		o = s.resumed(o)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(o.chains()[1:]).To(Equal([][]string{{"node-1", "node-2"}, {"node-3"}}))
		Expect(o.wentOn(seen)).To(And(BeNumerically(">", 0), BeNumerically("<", 6<<20)))
		Expect([]int{s.boots("node-1"), s.boots("node-2"), s.boots("node-3")}).To(Equal([]int{1, 1, 2}))
		Expect(s.disk("node-3", "etc/installed")).To(Equal("ran\n"))
	})
})

var _ = Describe("A broadcast that loses the way to its agents for a while", func() {
	It("goes on, and nobody is tried again", func() {
		s, c := cabled(nil)
		o := s.begin(s.deployment())
		o.has("node-1", half)
		c.cut()
		Eventually(s.log.String).Should(ContainSubstring("agents: left"))
		c.mend()
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(o.chains()).To(HaveLen(1))
		for _, node := range s.names() {
			Expect(o.entered(node, "await_agent")).To(BeFalse())
			Expect(o.retriesOf(node)).To(BeZero())
			Expect(s.boots(node)).To(Equal(1))
			Expect(s.disk(node, "etc/installed")).To(Equal("ran\n"))
		}
	})

	It("takes what a node has failed to receive meanwhile for the failure of its try: that it is, and the image is not sent once more in it", func() {
		s, c := cabled(tooSmall)
		s.manyFiles()
		o := s.begin(s.deployment())
		o.starts("node-1")
		c.cut()
		o.enters("node-1", "await_agent")
		c.mend()
		o.end()
		Expect(o.report("node-1").GetCause()).To(And(HavePrefix("while its agent was away: "), ContainSubstring("no space left on device")))
		Expect(o.report("node-1").GetState()).To(Equal("BroadcastEnv/Chain/send_environment"))
		Expect(o.chains()).To(HaveLen(1), "it had one try")
		Expect(o.report("node-2").GetPhase()).To(Equal(message.NodePhase_OK))
	})
})

// tooSmall is a site whose first node has no room for many files, which the server cannot know before.
func tooSmall(b *blueprint) { b.node = map[int]string{1: "sandbox_fault=disk-full:2MiB"} }

func (s *site) manyFiles() {
	GinkgoHelper()
	many := contents()
	for i := range 20_000 {
		many = append(many, entry{name: fmt.Sprint("usr/share/empty/", i)})
	}
	s.file("images/image.tar", string(tarOf(many...)))
}

var _ = Describe("An order to receive the image that has failed while no server was there to be told", func() {
	It("costs the node its try, and no more than that", func() {
		s, c := cabled(func(b *blueprint) {
			tooSmall(b)
			b.macros = []string{"SetDeploymentEnv|SetDeploymentEnvUntrusted:1:60", "BroadcastEnv|BroadcastEnvChain:2:60", "BootNewEnv|BootNewEnvClassical:1:60"}
		})
		s.manyFiles()
		o := s.begin(s.deployment())
		o.starts("node-1")
		s.killed(c, func() { o.enters("node-1", "await_agent") })
		seen := len(o.events)
		o = s.resumed(o)
		o.end()
		Expect(o.stepsBack("node-1", seen)).To(Equal([]string{"await_agent", "send_environment", "send_environment"}), "the second try follows at once")
		Expect(o.chains()[1:]).To(Equal([][]string{{"node-1"}}))
		Expect(o.report("node-1").GetCause()).To(ContainSubstring("no space left on device"))
		Expect(s.boots("node-1")).To(Equal(1))
		Expect(o.report("node-2").GetPhase()).To(Equal(message.NodePhase_OK))
	})
})

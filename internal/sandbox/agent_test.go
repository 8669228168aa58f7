package sandbox_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/pki"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/probe"
	"github.com/kadeploy/kadeploy/internal/sandbox"
	"github.com/kadeploy/kadeploy/pxe"
)

// The same promises whether the agent is a process or a goroutine.
var _ = DescribeTableSubtree("The real agent", func(inProcess bool) {
	var (
		s        *site
		n        sandbox.Node
		r        *sandbox.Rack
		marker   int
		sessions chan *agentlink.Session
		link     *agentlink.Server
		boots    *agentlink.Boots
		pin      string
	)
	BeforeEach(func() {
		s, n = newSite(), node(1)
		n.InProcess = inProcess
		marker = freePort(n.Addr)
		sessions = make(chan *agentlink.Session, 10)
		authority := must(pki.Open(pki.Config{Dir: filepath.Join(GinkgoT().TempDir(), "pki")}))
		boots, pin = agentlink.NewBoots(nil), authority.Pin()
		link = must(agentlink.Start(agentlink.Config{
			Listen: "127.0.0.1:0", Authority: authority, Boots: boots,
			Joined: func(session *agentlink.Session) { sessions <- session },
			Left:   func(*agentlink.Session, error) {},
		}))
		DeferCleanup(link.Close)
	})

	// boot starts the deployment system with a token that no boot had before.
	boot := func(token string, level power.Level) {
		GinkgoHelper()
		if strings.HasPrefix(token, "s3cret") {
			Expect(boots.Expect(n.Name, token, time.Now().Add(time.Minute))).To(Succeed())
		}
		s.bootsDeployment(hex(n), fmt.Sprintf("quiet kadeploy.server=%v kadeploy.node=%s kadeploy.token=%s kadeploy.pin=%s kadeploy.marker=%d", link.Addr(), n.Name, token, pin, marker))
		Expect(do(r, n, power.OpReboot, level)).To(Succeed())
	}
	start := func(token string, faults ...config.Fault) {
		GinkgoHelper()
		n.Faults = faults
		cfg := s.config(n)
		if !inProcess {
			cfg.AgentPath = realAgent()
		}
		r = must(newRack(cfg))
		boot(token, power.Hard)
	}
	joined := func() *agentlink.Session {
		GinkgoHelper()
		var session *agentlink.Session
		Eventually(sessions).Should(Receive(&session), screen(r, n))
		return session
	}
	order := func(session *agentlink.Session, o *agentpb.Order) (*agentpb.Result, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return session.Do(ctx, o, nil)
	}
	obeys := func(session *agentlink.Session, o *agentpb.Order) {
		GinkgoHelper()
		result, err := order(session, o)
		Expect(err).NotTo(HaveOccurred())
		Expect(result.Ok).To(BeTrue(), result.Error)
	}
	markerOpen := func() bool {
		conn, err := net.Dial("tcp", netip.AddrPortFrom(n.Addr, uint16(marker)).String())
		if err != nil {
			return false
		}
		return conn.Close() == nil
	}
	partition := &agentpb.Order{Step: "create_partition_table", Kind: &agentpb.Order_Partition{Partition: &agentpb.Partition{
		Device: "/dev/sda", Kind: "fdisk", Script: []byte("part 3 4G 83\n")}}}
	format := &agentpb.Order{Step: "format_deploy_part", Kind: &agentpb.Order_Format{Format: &agentpb.Format{Device: "/dev/sda3", Filesystem: "ext4"}}}
	reboot := &agentpb.Order{Step: "reboot_from_deploy_env", Kind: &agentpb.Order_Reboot{Reboot: &agentpb.Reboot{}}}
	fault := func(kind, arg string) config.Fault { return config.Fault{Kind: kind, Arg: arg, Probability: 1} }

	It("takes the machine from an empty disk to the deployed system, as the server's probe sees it", func() {
		start("s3cret-1")
		session := joined()
		Expect(session.Node()).To(Equal(n.Name))
		Expect(markerOpen()).To(BeTrue())
		obeys(session, partition)
		obeys(session, format)

		kernel := bytes.Repeat([]byte("linux"), 10_000) // what the broadcast would bring
		root := filepath.Join(s.disks, n.Name, "part", "3")
		Expect(os.MkdirAll(filepath.Join(root, "boot"), 0o755)).To(Succeed())
		Expect(os.MkdirAll(filepath.Join(root, "sbin"), 0o755)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(root, "boot", "vmlinuz"), kernel, 0o644)).To(Succeed())
		Expect(os.Symlink("/lib/systemd/systemd", filepath.Join(root, "sbin", "init"))).To(Succeed())
		s.file("boot/e--vmlinuz", kernel)
		s.boots(hex(n), pxe.Deployed("boot/e--vmlinuz", "", "/dev/sda3", ""))

		obeys(session, reboot)
		Eventually(func() string {
			_, why := probe.UserSystem(context.Background(), n.Addr, n.SSHPort, marker)
			return why
		}).Should(BeEmpty(), screen(r, n))
		Expect(screen(r, n)()).To(ContainSubstring("reboot\nfirmware: boot 2"))
		Expect(screen(r, n)()).NotTo(ContainSubstring("s3cret"))
	})

	It("is lost to the server when the power is cut, and calls again after the next boot", func() {
		start("s3cret-1")
		session := joined()
		boot("s3cret-2", power.Hard)
		Eventually(session.Done()).Should(BeClosed())
		_, err := order(session, partition)
		Expect(err).To(MatchError(agentlink.ErrLost))
		obeys(joined(), partition)
	})

	It("leaves the machine hanging when the server does not want it", func() {
		start("stolen")
		Eventually(lastLine(r, n)).Should(HavePrefix("deployment system: agent ended: "))
		Expect(screen(r, n)()).To(ContainSubstring("refuses"))
		Expect(markerOpen()).To(BeFalse())
	})

	It("crashes by its fault at that step, and at no later boot", func() {
		start("s3cret-1", fault("agent-crash", "format_deploy_part"))
		session := joined()
		obeys(session, partition)
		_, err := order(session, format)
		Expect(err).To(MatchError(agentlink.ErrLost))
		Eventually(lastLine(r, n)).Should(HavePrefix("deployment system: agent ended: "))

		Expect(do(r, n, power.OpReboot, power.Soft)).To(MatchError(ContainSubstring("node does not answer")))
		boot("s3cret-2", power.Hard)
		session = joined()
		obeys(session, partition)
		obeys(session, format)
	})

	It("hangs by its fault at that step, and at no later boot", func() {
		start("s3cret-1", fault("hung-order", "format_deploy_part"))
		session := joined()
		obeys(session, partition)
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		_, err := session.Do(ctx, format, nil)
		Expect(err).To(And(MatchError(agentlink.ErrLost), MatchError(context.DeadlineExceeded)))
		Eventually(lastLine(r, n)).Should(HavePrefix("deployment system: agent ended: "))

		boot("s3cret-2", power.Hard)
		session = joined()
		obeys(session, partition)
		obeys(session, format)
	})

	It("finds the disk full by its fault, at every try", func() {
		start("s3cret-1", fault("disk-full", "1KiB"))
		post := filepath.Join(GinkgoT().TempDir(), "post.tar")
		Expect(os.WriteFile(post, tarOf("script", strings.Repeat("x", 4096)), 0o600)).To(Succeed())
		session := joined()
		obeys(session, partition)
		obeys(session, format)
		obeys(session, &agentpb.Order{Step: "mount_deploy_part", Kind: &agentpb.Order_Mount{Mount: &agentpb.Mount{Device: "/dev/sda3", Dir: "/mnt/dest", Filesystem: "ext4"}}})
		session.Offer("post", post)
		for range 2 {
			result, err := order(session, &agentpb.Order{Step: "manage_user_post_install", Kind: &agentpb.Order_RunArchive{RunArchive: &agentpb.RunArchive{
				File: "post", Size: 10240, Compression: "none", Dir: "/mnt/dest", Script: "none"}}})
			Expect(err).NotTo(HaveOccurred())
			Expect(result.Error).To(ContainSubstring("no space left on device"))
		}
	})
},
	Entry("as a process", false),
	Entry("in the daemon", true),
)

// realAgent is the path of the agent's binary, built for the first spec that asks.
var realAgent = sync.OnceValue(func() string {
	return must(gexec.Build("github.com/kadeploy/kadeploy/cmd/kadeploy-agent"))
})

var _ = AfterSuite(gexec.CleanupBuildArtifacts)

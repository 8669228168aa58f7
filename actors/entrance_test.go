package actors_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/agent"
	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/dirdisk"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/prodsystem"
	"github.com/kadeploy/kadeploy/internal/sshclient"
)

var _ = Describe("A deployment from the production system", Ordered, func() {
	var program string
	BeforeAll(func() {
		var err error
		program, err = gexec.Build("github.com/kadeploy/kadeploy/cmd/kadeploy-agent")
		Expect(err).NotTo(HaveOccurred())
	})

	// productionSite has a node with partitions and a system, which is off.
	productionSite := func() (*site, keys) {
		GinkgoHelper()
		s := plannedSite(GinkgoT().TempDir(), blueprint{
			nodes: 1, entrance: prodsystem.New(program),
			cluster: map[string]string{"ssh_key": "keys/site", "ssh_known_hosts": "keys/known"},
			macros: []string{
				"SetDeploymentEnv|SetDeploymentEnvProd:1:20,SetDeploymentEnvUntrusted:1:20",
				"BroadcastEnv|BroadcastEnvChain:2:20", "BootNewEnv|BootNewEnvClassical:1:20",
			},
		})
		k := s.newKeys()
		s.write()
		s.start()
		DeferCleanup(s.close)
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.report("node-1").GetCause())
		Expect(o.retriesOf("node-1")).To(Equal(1), "nothing ran there, so that it was booted")
		s.switchPower(1, power.OpOff)
		return s, k
	}

	It("brings the agent by ssh, writes the partition beside it, and boots the new system from there", func() {
		s, k := productionSite()
		p := s.runProduction(1, k)
		s.file("image.env", description("image.tar|tar", "postinstall : post.tgz|tgz|post.sh"))
		s.file("post.tgz", string(gzipped(tarOf(entry{name: "post.sh", content: "#!/bin/sh\necho from production > $KADEPLOY_ENV_EXTRACTION_DIR/etc/way\n"}))))
		o := s.begin(s.deployment())
		o.enters("node-1", "reboot_from_deploy_env")
		Eventually(p.agents, "10s").Should(BeEmpty(), "the agent ends when it was told to reboot")
		p.down()
		s.switchPower(1, power.OpOn)
		o.end()
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.report("node-1").GetCause())
		Expect(o.retriesOf("node-1")).To(BeZero())
		Expect(s.disk("node-1", "etc/way")).To(Equal("from production\n"))
		var steps []string
		for _, e := range o.events {
			if n := e.GetNode(); n.GetMacro() == "SetDeploymentEnv" && (len(steps) == 0 || steps[len(steps)-1] != n.GetMicro()) {
				steps = append(steps, n.GetMicro())
			}
		}
		Expect(strings.Join(steps, " ")).To(HaveSuffix("check_nodes format_deploy_part mount_deploy_part"))
	})

	It("leaves no agent behind when it is cancelled, and the system as it is", func() {
		s, k := productionSite()
		p := s.runProduction(1, k)
		r := s.deployment()
		r.CustomOperationsPath = s.path("steps.yaml")
		r.CustomOperations = []byte("BroadcastEnv: {sync: {pre-ops: [{action: exec, command: sleep 60}]}}\n")
		o := s.begin(r)
		o.enters("node-1", "custom_pre")
		Expect(p.agents()).NotTo(BeEmpty())
		s.cancel(o.id)
		o.end()
		Eventually(p.agents, "10s").Should(BeEmpty())
		left, err := filepath.Glob("/run/kadeploy-agent.*")
		Expect(err).NotTo(HaveOccurred())
		Expect(left).To(BeEmpty())
	})

	It("boots the node when the system there is not the site's", func() {
		s, k := productionSite()
		k.host = newSigner(func(string) {})
		p := s.runProduction(1, k)
		o := s.begin(s.deployment())
		failed := o.until("that it is refused", func(e *message.Event) bool { return e.GetNode().GetPhase() == message.NodePhase_RETRYING })
		Expect(failed.GetNode().GetCause()).To(Equal("start the agent in the system that runs on node-1: ssh: its host key is another one than that of ssh_known_hosts"))
		p.down()
		o.end()
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.report("node-1").GetCause())
	})

	It("is not tried where the site has no key", func() {
		s := newSite(blueprint{nodes: 1, cluster: map[string]string{"ssh_key": "image.env"}, macros: []string{
			"SetDeploymentEnv|SetDeploymentEnvProd:1:20,SetDeploymentEnvUntrusted:1:20", "BroadcastEnv|BroadcastEnvChain:1:20", "BootNewEnv|BootNewEnvClassical:1:20",
		}})
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), fmt.Sprint(o.report("node-1")))
		Expect(o.retriesOf("node-1")).To(BeZero())
		for _, e := range o.events {
			Expect(e.GetNode().GetMicro()).NotTo(Equal("check_nodes"))
		}
	})
})

// kernels is an entrance whose agents run here, on machines that can start another kernel: the deployment system's, whose agent runs here, too.
type kernels struct {
	ctx     context.Context
	hang    bool // the second kernel does
	running sync.WaitGroup

	mu     sync.Mutex
	site   *site
	loaded []string // the bytes of the kernels, and their arguments
}

// kexecer is the machine of one boot.
type kexecer struct {
	*dirdisk.Disk
	of     *kernels
	params string
}

func (m *kexecer) LoadKernel(_ context.Context, k machine.Kernel) error {
	dir, err := m.Scratch(filepath.Dir(k.Kernel))
	if err != nil {
		return err
	}
	kernel, err := os.ReadFile(filepath.Join(dir.Path, filepath.Base(k.Kernel)))
	if err != nil {
		return err
	}
	initrd, err := os.ReadFile(filepath.Join(dir.Path, filepath.Base(k.Initrd)))
	if err != nil {
		return err
	}
	m.of.mu.Lock()
	defer m.of.mu.Unlock()
	m.of.loaded = append(m.of.loaded, string(kernel), string(initrd), k.Root+k.Device)
	m.params = k.Params
	return nil
}

func (k *kernels) Start(_ context.Context, to sshclient.Config, line string, _ ...string) error {
	welcomed := make(chan error, 2)
	k.running.Go(func() {
		end, next, err := k.boot(to, line, func() { welcomed <- nil })
		welcomed <- err
		if end == agent.EndKexec && !k.hang {
			end, _, _ = k.boot(to, next, nil)
		}
		if end == agent.EndReboot {
			_, _ = k.site.rack.Do(k.ctx, power.Target{Name: to.Host}, power.OpOn, power.Hard)
		}
	})
	return <-welcomed
}

// boot is the life of one agent. It returns the arguments of the kernel that it has loaded.
func (k *kernels) boot(to sshclient.Config, line string, welcomed func()) (end agent.End, next string, err error) {
	b, err := agent.ParseCmdline(line)
	if err != nil {
		return end, "", err
	}
	m := &kexecer{of: k}
	if m.Disk, err = dirdisk.Open(dirdisk.Config{Root: k.site.path("disks", to.Host)}); err != nil {
		return end, "", err
	}
	end, err = agent.Run(k.ctx, agent.Config{
		Server: b.Server, Node: b.Node, Token: b.Token, Pin: b.Pin, Machine: m, Address: to.Addr.Addr(), MarkerPort: b.Marker, Welcomed: welcomed,
	})
	return end, m.params, err
}

var _ = Describe("A deployment system that the running one starts", func() {
	It("is sent by the session of the agent there, and calls with a token of its own", func() {
		ctx, cancel := context.WithCancel(context.Background())
		k := &kernels{ctx: ctx}
		s := plannedSite(GinkgoT().TempDir(), blueprint{
			nodes: 1, entrance: k, cluster: map[string]string{"ssh_key": "keys/site", "ssh_known_hosts": "keys/known", "deploy_kernel_args": "quiet", "timeout_reboot_kexec": "10"},
			macros: []string{"SetDeploymentEnv|SetDeploymentEnvKexec:1:20", "BroadcastEnv|BroadcastEnvChain:1:20", "BootNewEnv|BootNewEnvClassical:1:20"},
		})
		k.site = s
		s.newKeys()
		s.write()
		s.start()
		DeferCleanup(s.close)
		DeferCleanup(k.running.Wait)
		DeferCleanup(cancel)

		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), fmt.Sprint(o.report("node-1")))
		Expect(k.loaded).To(Equal([]string{deployKernel(), "initrd of the deployment system", "/"}))
		Expect(s.disk("node-1", "etc/os-release")).To(Equal("ID=tiny\n"))
	})

	It("costs the node its try when it does not call", func() {
		s := plannedSite(GinkgoT().TempDir(), blueprint{
			nodes: 1, cluster: map[string]string{"ssh_key": "keys/site", "ssh_known_hosts": "keys/known", "timeout_reboot_kexec": "0.3"},
			macros: []string{"SetDeploymentEnv|SetDeploymentEnvKexec:1:20,SetDeploymentEnvUntrusted:1:20", "BroadcastEnv|BroadcastEnvChain:1:20", "BootNewEnv|BootNewEnvClassical:1:20"},
		})
		ctx, cancel := context.WithCancel(context.Background())
		k := &kernels{ctx: ctx, site: s, hang: true}
		s.entrance = k
		s.newKeys()
		s.write()
		s.start()
		DeferCleanup(s.close)
		DeferCleanup(k.running.Wait)
		DeferCleanup(cancel)
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), fmt.Sprint(o.report("node-1")))
		Expect(o.retriesOf("node-1")).To(Equal(1))
	})
})

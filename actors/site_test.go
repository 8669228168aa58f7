package actors_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/agent"
	"github.com/kadeploy/kadeploy/internal/depot"
	"github.com/kadeploy/kadeploy/internal/image"
	"github.com/kadeploy/kadeploy/internal/imagecache"
	"github.com/kadeploy/kadeploy/internal/pki"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/sandbox"
	"github.com/kadeploy/kadeploy/internal/store"
	"github.com/kadeploy/kadeploy/supervisor"
	"github.com/kadeploy/kadeploy/supervisor/supervisortest"
)

// blueprint is what a spec wants of its site. The zero value is a site of three faultless nodes that boot at once.
type blueprint struct {
	nodes    int
	node     map[int]string           // more words of a node's line in nodes.conf, from 1
	global   map[string]string        // of deploy.conf, beside or instead of the usual
	cluster  map[string]string        // of the cluster, likewise
	macros   []string                 // macro-steps; nil: two tries of each, and two instances to boot the new system
	agent    string                   // the agent's program; "": agents live in this process
	driver   func(*site) power.Driver // stands between the server and the machines
	console  func(*site, string) []string
	uploads  bool                            // it takes some
	memory   bool                            // it has one, in a database
	store    func(actors.Store) actors.Store // stands between the server and the database
	noResume bool
	lasting  bool // its machines outlive its daemon
	tokens   func(user string, life time.Duration) (string, error)
	deny     func(user, why string) error
	urls     bool                    // it fetches some
	entrance actors.Entrance         // into the systems that run on its nodes
	envs     actors.EnvironmentStore // where the catalogue is kept; nil: there is none
	agents   func(*agent.Config)     // changes what agents in this process are made of
}

// site is a configuration directory, the machines it describes, and a running tree that serves it.
type site struct {
	blueprint
	dir      string
	net      netip.Addr // of node 0; node N has the Nth address after it
	snapshot *config.Snapshot
	system   *actor.ActorSystem
	counters *supervisor.Counters
	tree     *supervisor.Tree
	rack     *sandbox.Rack
	images   *image.Catalogue
	depot    *depot.Depot
	database *store.Store
	cache    *imagecache.Cache
	pki      *pki.Authority
	log      *logbook
}

// sites numbers the sites of this process, so that no two have an address in common.
var sites atomic.Uint32

func newSite(b blueprint) *site {
	GinkgoHelper()
	s := plannedSite(GinkgoT().TempDir(), b)
	s.write()
	s.start()
	DeferCleanup(s.close)
	return s
}

// plannedSite chooses addresses: 127.P.N.1 and what follows, by process and site; the server has a network of its own.
func plannedSite(dir string, b blueprint) *site {
	if b.nodes == 0 {
		b.nodes = 3
	}
	n := (b.nodes + 255) / 256
	last := sites.Add(uint32(n))
	return &site{blueprint: b, dir: dir, log: &logbook{},
		net: netip.AddrFrom4([4]byte{127, byte(28 + os.Getpid()%24), byte(last) - byte(n) + 1, 0})}
}

func (s *site) server() netip.Addr {
	a := s.net.As4()
	return netip.AddrFrom4([4]byte{127, a[1] + 24, a[2], 1})
}

func (s *site) addr(n int) netip.Addr {
	a := s.net.As4()
	return netip.AddrFrom4([4]byte{127, a[1], a[2] + byte(n>>8), byte(n)})
}

func name(n int) string { return fmt.Sprintf("node-%d", n) }

func (s *site) names() []string {
	all := make([]string, s.nodes)
	for i := range all {
		all[i] = name(i + 1)
	}
	return all
}

func (s *site) path(elem ...string) string { return filepath.Join(append([]string{s.dir}, elem...)...) }

// write makes the configuration directory with the kernel of the deployment system, an image and its description.
func (s *site) write() {
	GinkgoHelper()
	s.file("partitions.fdisk", partitions)
	s.file("tftp/kernels/deploy-vmlinuz", deployKernel())
	s.file("tftp/kernels/deploy-initrd", "initrd of the deployment system")
	s.file("image.tar", string(theImage()))
	s.file("post.tgz", string(gzipped(tarOf(entry{name: "post.sh", content: "#!/bin/sh\nexit 0\n"}))))
	s.file("images/image.tar", string(theImage()))
	s.file("image.env", description("images/image.tar|tar"))
	s.writeConfig()
}

func (s *site) writeConfig() {
	GinkgoHelper()
	server := s.server().String()
	s.file("deploy.conf", settings(map[string]string{
		"kadeploy_server": server, "agents_listen": server + ":25301", "tftp_listen": server + ":6969",
		"tftp_repository": "tftp", "image_roots": s.path("images"), "broadcast_grace": "0.2", "probe_interval": "0.05",
	}, s.global))
	macros := s.macros
	if macros == nil {
		macros = []string{
			"SetDeploymentEnv|SetDeploymentEnvUntrusted:2:20",
			"BroadcastEnv|BroadcastEnvChain:2:20",
			"BootNewEnv|BootNewEnvClassical:1:20,BootNewEnvHardReboot:1:20",
		}
	}
	cluster := settings(map[string]string{
		"power": "sandbox", "sandbox_in_process": fmt.Sprint(s.agent == ""), "sandbox_boot_delay": "0.01",
		"deploy_kernel": "deploy-vmlinuz", "deploy_initrd": "deploy-initrd", "block_device": "/dev/sda",
		"swap_part": "1", "prod_part": "2", "deploy_part": "3", "tmp_part": "5",
		"partition_file": "partitions.fdisk", "kernel_params": "console=ttyS0",
		"timeout_reboot": "6", "sleep_time_before_ping": "0.02",
		"ssh_port": "2522", "test_deploy_env_port": "25300", "chain_port": "25303",
	}, s.cluster)
	for _, m := range macros {
		cluster += "macrostep = " + m + "\n"
	}
	s.file("cluster-one.conf", cluster)
	var nodes strings.Builder
	for n := 1; n <= s.nodes; n++ {
		fmt.Fprintf(&nodes, "%s %s one", name(n), s.addr(n))
		fmt.Fprintf(&nodes, " %s\n", s.node[n])
	}
	s.file("nodes.conf", nodes.String())
}

// unsaid leaves a key out of a site's file.
const unsaid = "-"

func settings(usual, special map[string]string) string {
	all := maps.Clone(usual)
	maps.Copy(all, special)
	maps.DeleteFunc(all, func(_, value string) bool { return value == unsaid })
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&text, "%s = %s\n", key, all[key])
	}
	return text.String()
}

func (s *site) file(name, content string) {
	GinkgoHelper()
	path := s.path(name)
	Expect(os.MkdirAll(filepath.Dir(path), 0o755)).To(Succeed())
	Expect(os.WriteFile(path, []byte(content), 0o644)).To(Succeed())
}

func (s *site) load() (*config.Snapshot, error) {
	snapshot, problems := config.Load(s.dir)
	if problems.HasErrors() {
		return nil, problems
	}
	return snapshot, nil
}

// start is what the daemon does, but for the link.
func (s *site) start() {
	GinkgoHelper()
	var err error
	s.snapshot, err = s.load()
	Expect(err).NotTo(HaveOccurred())
	g := s.snapshot.Global
	for _, dir := range []string{g.StateDir, g.ImagesPath, g.ProfilePath} {
		Expect(os.MkdirAll(dir, 0o755)).To(Succeed())
	}
	log := s.logger()
	s.images, err = image.New(image.Config{Dir: s.path("cache"), Log: log})
	Expect(err).NotTo(HaveOccurred())
	if s.rack == nil {
		s.rack, err = sandbox.New(s.machines(log))
		Expect(err).NotTo(HaveOccurred())
	}
	driver, console := power.Driver(s.rack), s.rack.Console
	if s.driver != nil {
		driver = s.driver(s)
	}
	if s.console != nil {
		console = func(node string) []string { return s.blueprint.console(s, node) }
	}
	s.pki, err = pki.Open(pki.Config{Dir: s.path("pki")})
	Expect(err).NotTo(HaveOccurred())
	if s.uploads {
		s.depot, err = depot.Open(depot.Config{Dir: g.UploadDir})
		Expect(err).NotTo(HaveOccurred())
	}
	memory := s.recall()
	if s.urls {
		s.cache, err = imagecache.Open(imagecache.Config{Dir: g.ImageCache, Pause: time.Microsecond})
		Expect(err).NotTo(HaveOccurred())
	}
	s.system, s.counters = supervisor.NewSystem(log)
	s.tree, err = supervisor.StartTree(s.system, actors.Tree(actors.Config{
		Snapshot: s.snapshot, Load: s.load, Power: map[string]power.Driver{"sandbox": driver},
		Images: s.images, Console: console, Version: "test", Log: log, Depot: s.depot,
		Admins: []string{"ada", "eve"}, Tokens: s.tokens, Deny: s.deny, Pin: "sha256:00", Authority: s.pki, Environments: s.envs, Cache: s.cache,
		Memory: memory, NoResume: s.noResume, Entrance: s.entrance,
	}))
	Expect(err).NotTo(HaveOccurred())
}

func (s *site) logger() *slog.Logger { return slog.New(slog.NewTextHandler(s.log, nil)) }

// alive says whether an actor has a process.
func (s *site) alive(name string) bool {
	_, up := s.system.ProcessRegistry.GetLocal(name)
	return up
}

func (s *site) machines(log *slog.Logger) sandbox.Config {
	cfg := sandbox.Config{
		TFTP: netip.AddrPortFrom(s.server(), 6969), Dir: s.path("disks"), AgentPath: s.agent, Log: log, Agent: s.agents,
		ProfileDir: s.snapshot.Global.TFTPName(s.snapshot.Global.ProfilePath),
	}
	for _, n := range s.snapshot.Nodes {
		cfg.Nodes = append(cfg.Nodes, sandbox.Node{Name: n.Name, Addr: n.Addr, SSHPort: n.SSHPort, Sandbox: n.Sandbox})
	}
	return cfg
}

// recall is what the site knows of the daemons before.
func (s *site) recall() *actors.Memory {
	GinkgoHelper()
	if !s.memory {
		return nil
	}
	var err error
	s.database, err = store.Open(context.Background(), store.Config{URL: "sqlite:" + s.path("kadeploy.db"), Log: s.logger()})
	Expect(err).NotTo(HaveOccurred())
	var kept actors.Store = s.database
	if s.blueprint.store != nil {
		kept = s.blueprint.store(kept)
	}
	memory, err := actors.Recall(context.Background(), kept)
	Expect(err).NotTo(HaveOccurred())
	return memory
}

// restart ends the daemon without a word to its operations, and starts another one.
func (s *site) restart() {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	Expect(s.tree.Stop(ctx)).To(Succeed())
	if !s.lasting {
		s.rack.Close()
		s.rack = nil
	}
	Expect(s.images.Close()).To(Succeed())
	if s.depot != nil {
		Expect(s.depot.Close()).To(Succeed())
	}
	if s.cache != nil {
		Expect(s.cache.Close()).To(Succeed())
	}
	s.system.Shutdown()
	if s.database != nil {
		Expect(s.database.Close()).To(Succeed())
	}
	s.start()
}

// close stops the tree in order; nothing of it may be left.
func (s *site) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	Expect(s.tree.Stop(ctx)).To(Succeed())
	Eventually(func() []string { return supervisortest.Live(s.system) }).Should(BeEmpty(), "actors left behind")
	s.rack.Close()
	Expect(s.images.Close()).To(Succeed())
	if s.depot != nil {
		Expect(s.depot.Close()).To(Succeed())
	}
	if s.cache != nil {
		Expect(s.cache.Close()).To(Succeed())
	}
	s.system.Shutdown()
	if s.database != nil {
		Expect(s.database.Close()).To(Succeed())
	}
	if CurrentSpecReport().Failed() {
		GinkgoWriter.Println(s.log.String())
	}
}

// logbook keeps the server's log for the spec that fails.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

package agent_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/chain"
	"github.com/kadeploy/kadeploy/internal/agent"
	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/machine/dirdisk"
	"github.com/kadeploy/kadeploy/internal/pki"
)

// rig is a server and the agent of one node, on loopback.
type rig struct {
	server  *agentlink.Server
	pki     *pki.Authority
	boots   *agentlink.Boots
	joined  chan *agentlink.Session
	left    chan error
	session *agentlink.Session
	disk    string // directory of the node's disk

	reconnect time.Duration // what agents are told
}

func newRig() *rig {
	r := &rig{joined: make(chan *agentlink.Session, 10), left: make(chan error, 10), disk: filepath.Join(GinkgoT().TempDir(), "disk")}
	var err error
	r.pki, err = pki.Open(pki.Config{Dir: filepath.Join(GinkgoT().TempDir(), "pki")})
	Expect(err).NotTo(HaveOccurred())
	r.boots = agentlink.NewBoots(nil)
	r.expect("secret")
	r.server, err = r.listen("127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(r.server.Close)
	return r
}

// expect announces a boot of the node.
func (r *rig) expect(token string) {
	GinkgoHelper()
	Expect(r.boots.Expect("node-1", token, time.Now().Add(time.Minute))).To(Succeed())
}

func (r *rig) listen(at string) (*agentlink.Server, error) {
	return agentlink.Start(agentlink.Config{
		Listen: at, Authority: r.pki, Boots: r.boots, Reconnect: func() time.Duration { return r.reconnect },
		Joined: func(s *agentlink.Session) { r.joined <- s },
		Left:   func(_ *agentlink.Session, err error) { r.left <- err },
	})
}

func (r *rig) config() agent.Config {
	disk, err := dirdisk.Open(dirdisk.Config{Root: r.disk})
	Expect(err).NotTo(HaveOccurred())
	return agent.Config{Server: r.server.Addr().String(), Node: "node-1", Token: "secret", Pin: r.pki.Pin(), Machine: disk, Version: "spec"}
}

// ended is what a Run returned.
type ended struct {
	end agent.End
	err error
}

// run starts an agent in this process. It is stopped at the end of the spec.
func run(cfg agent.Config) <-chan ended {
	ctx, cancel := context.WithCancel(context.Background())
	c, stopped := make(chan ended, 1), make(chan struct{})
	go func() {
		defer close(stopped)
		end, err := agent.Run(ctx, cfg)
		c <- ended{end, err}
	}()
	DeferCleanup(func() {
		cancel()
		Eventually(stopped, "10s").Should(BeClosed())
	})
	return c
}

// start runs an agent and waits until it has joined.
func (r *rig) start(change func(*agent.Config)) <-chan ended {
	GinkgoHelper()
	cfg := r.config()
	if change != nil {
		change(&cfg)
	}
	c := run(cfg)
	r.welcome()
	return c
}

func (r *rig) welcome() {
	GinkgoHelper()
	Eventually(r.joined, "10s").Should(Receive(&r.session))
}

// do gives an order and has its result.
func (r *rig) do(o *agentpb.Order) *agentpb.Result {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	result, err := r.session.Do(ctx, o, nil)
	Expect(err).NotTo(HaveOccurred())
	return result
}

// must gives an order that has to go well.
func (r *rig) must(o *agentpb.Order) *agentpb.Result {
	GinkgoHelper()
	result := r.do(o)
	Expect(result.Ok).To(BeTrue(), result.Error)
	return result
}

// Orders of the specs.
func partition(script string) *agentpb.Order {
	return &agentpb.Order{Step: "create_partition_table", Kind: &agentpb.Order_Partition{Partition: &agentpb.Partition{
		Device: "/dev/sda", Kind: "fdisk", Script: []byte(script), Env: map[string]string{"KADEPLOY_PART_TYPE": "83"},
	}}}
}

func format(device string) *agentpb.Order {
	return &agentpb.Order{Step: "format_deploy_part", Kind: &agentpb.Order_Format{Format: &agentpb.Format{Device: device, Filesystem: "ext4"}}}
}

func mount(device, dir string) *agentpb.Order {
	return &agentpb.Order{Step: "mount_deploy_part", Kind: &agentpb.Order_Mount{Mount: &agentpb.Mount{Device: device, Dir: dir, Filesystem: "ext4"}}}
}

func umount() *agentpb.Order {
	return &agentpb.Order{Step: "umount_deploy_part", Kind: &agentpb.Order_Umount{Umount: &agentpb.Umount{Dir: "/mnt/dest"}}}
}

func swap() *agentpb.Order {
	return &agentpb.Order{Step: "format_swap_part", Kind: &agentpb.Order_Swap{Swap: &agentpb.Swap{Device: "/dev/sda2"}}}
}

func script(name, line string, size int) *agentpb.Order {
	return &agentpb.Order{Step: "manage_user_post_install", Kind: &agentpb.Order_RunArchive{RunArchive: &agentpb.RunArchive{
		File: name, Size: uint64(size), Compression: "gzip", Dir: "/rambin", Script: line,
		Env: map[string]string{"KADEPLOY_ENV_EXTRACTION_DIR": "/mnt/dest"},
	}}}
}

func key(text string) *agentpb.Order {
	return &agentpb.Order{Step: "send_key", Kind: &agentpb.Order_InstallKey{InstallKey: &agentpb.InstallKey{Keys: []byte(text), Root: "/mnt/dest"}}}
}

func check(paths ...string) *agentpb.Order {
	return &agentpb.Order{Step: "check_kernel_files", Kind: &agentpb.Order_CheckFiles{CheckFiles: &agentpb.CheckFiles{Root: "/mnt/dest", Paths: paths}}}
}

func sync() *agentpb.Order {
	return &agentpb.Order{Step: "sync", Kind: &agentpb.Order_Sync{Sync: &agentpb.Sync{}}}
}

func reboot() *agentpb.Order {
	return &agentpb.Order{Step: "reboot_from_deploy_env", Kind: &agentpb.Order_Reboot{Reboot: &agentpb.Reboot{}}}
}

// prepare brings the disk to a mounted partition.
func (r *rig) prepare() {
	GinkgoHelper()
	r.must(partition("part 2 1G 82\npart 3 10G PARTTYPE\n"))
	r.must(format("/dev/sda3"))
	r.must(mount("/dev/sda3", "/mnt/dest"))
}

// image is a broadcast of one archive to this node.
type image struct {
	bytes    []byte
	manifest *chain.Manifest
	order    *agentpb.Order
}

func broadcast(content []byte, change func(*agentpb.Receive)) *image {
	m, err := chain.BuildManifest(bytes.NewReader(content), 64<<10)
	Expect(err).NotTo(HaveOccurred())
	digest := m.Digest()
	receive := &agentpb.Receive{
		Transfer: bytes.Repeat([]byte{7}, 16), Key: bytes.Repeat([]byte{9}, 32), Manifest: digest[:],
		Listen: "127.0.0.1:0", Kind: "tar", Compression: "gzip", Target: "/mnt/dest",
	}
	if change != nil {
		change(receive)
	}
	return &image{content, m, &agentpb.Order{Step: "send_environment", Kind: &agentpb.Order_Receive{Receive: receive}}}
}

// send orders the reception and feeds it, as the server's chain does.
func (r *rig) send(i *image) (*agentpb.Result, chain.Result) {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	fed := make(chan chain.Report, 1)
	result, err := r.session.Do(ctx, i.order, func(p *agentpb.Progress) {
		if p.Listening == "" {
			return
		}
		go func() {
			report, _ := chain.Send(ctx, i.head(p.Listening))
			fed <- report
		}()
	})
	Expect(err).NotTo(HaveOccurred())
	var report chain.Report
	Eventually(fed, "20s").Should(Receive(&report))
	return result, report.Results[0]
}

// head is the server's end of the chain to the agent that listens there.
func (i *image) head(address string) chain.SendConfig {
	ordered := i.order.GetReceive()
	return chain.SendConfig{
		Links: []chain.Link{{Name: "node-1", Addr: address}}, Source: bytes.NewReader(i.bytes), Manifest: i.manifest,
		Transfer: [16]byte(bytes.Repeat([]byte{7}, 16)), Key: [32]byte(bytes.Repeat([]byte{9}, 32)),
		TLS: ordered.GetTls(), StallTimeout: ordered.GetStall().AsDuration(),
	}
}

// tarball packs files and links (name -> content, or "-> target") with their modes.
func tarball(entries ...[2]string) []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	for _, e := range entries {
		h := &tar.Header{Name: e[0], Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(e[1]))}
		content := e[1]
		if to, ok := bytes.CutPrefix([]byte(content), []byte("-> ")); ok {
			h.Typeflag, h.Linkname, h.Size, content = tar.TypeSymlink, string(to), 0, ""
		}
		Expect(w.WriteHeader(h)).To(Succeed())
		_, err := io.WriteString(w, content)
		Expect(err).NotTo(HaveOccurred())
	}
	Expect(w.Close()).To(Succeed())
	Expect(z.Close()).To(Succeed())
	return buf.Bytes()
}

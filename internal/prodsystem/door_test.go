package prodsystem_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/linux"
	"github.com/kadeploy/kadeploy/internal/pki"
	"github.com/kadeploy/kadeploy/internal/prodsystem"
	"github.com/kadeploy/kadeploy/internal/sshclient/sshdtest"
)

func TestProdsystem(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "prodsystem")
}

// secret is the token of every agent here.
const secret = "one-time-secret"

var program string

var _ = SynchronizedBeforeSuite(func() []byte {
	path, err := gexec.Build("github.com/kadeploy/kadeploy/cmd/kadeploy-agent")
	Expect(err).NotTo(HaveOccurred())
	return []byte(path)
}, func(path []byte) { program = string(path) })

var _ = SynchronizedAfterSuite(func() {}, gexec.CleanupBuildArtifacts)

// leftovers are the directories of agents that were brought.
func leftovers() (all []string) {
	for _, dir := range []string{"/run", "/var/tmp", "/tmp"} {
		found, err := filepath.Glob(dir + "/kadeploy-agent.*")
		Expect(err).NotTo(HaveOccurred())
		all = append(all, found...)
	}
	return all
}

// processes are those whose /proc/PID/FILE holds a text.
func processes(file, text string) (pids []int) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	Expect(err).NotTo(HaveOccurred())
	for _, dir := range dirs {
		if read, err := os.ReadFile(filepath.Join(dir, file)); err == nil && strings.Contains(string(read), text) {
			pid, err := strconv.Atoi(filepath.Base(dir))
			Expect(err).NotTo(HaveOccurred())
			pids = append(pids, pid)
		}
	}
	return pids
}

func freePort() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

var _ = Describe("The way into a running system", Serial, func() {
	ctx := context.Background()
	var (
		node   *sshdtest.Server
		door   *prodsystem.Door
		server *agentlink.Server
		pin    string
		joined chan *agentlink.Session
		disk   string
		marker int
	)
	BeforeEach(func() {
		node = sshdtest.Start("")
		door = prodsystem.New(program)
		joined = make(chan *agentlink.Session, 1)
		disk, marker = filepath.Join(node.Dir, "disk"), freePort()
		DeferCleanup(func() {
			Expect(leftovers()).To(BeEmpty())
			Eventually(func() []int { return processes("cmdline", disk) }, "10s").Should(BeEmpty())
		})
		authority, err := pki.Open(pki.Config{Dir: node.File("pki")})
		Expect(err).NotTo(HaveOccurred())
		pin = authority.Pin()
		boots := agentlink.NewBoots(nil)
		Expect(boots.Expect("node-1", secret, time.Now().Add(time.Minute))).To(Succeed())
		server, err = agentlink.Start(agentlink.Config{
			Listen: "127.0.0.1:0", Authority: authority, Boots: boots,
			Joined: func(s *agentlink.Session) { joined <- s }, Left: func(*agentlink.Session, error) {},
		})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(server.Close)
	})
	start := func() error {
		line := fmt.Sprintf("kadeploy.server=%s kadeploy.node=node-1 kadeploy.token=%s kadeploy.pin=%s kadeploy.marker=%d", server.Addr(), secret, pin, marker)
		return door.Start(ctx, node.Login(), line, "--sandbox-disk", disk)
	}
	session := func() (s *agentlink.Session) {
		GinkgoHelper()
		Eventually(joined, "10s").Should(Receive(&s))
		return s
	}

	It("starts the agent, which works without its file, outlives the login, and ends with its session", func() {
		Expect(start()).To(Succeed())
		Expect(leftovers()).To(BeEmpty())
		s := session()
		Expect(processes("cmdline", disk)).To(HaveLen(1))
		result, err := s.Do(ctx, &agentpb.Order{Step: "sync", Kind: &agentpb.Order_Sync{Sync: &agentpb.Sync{}}}, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(result.Ok).To(BeTrue(), result.Error)
		s.Close()
	})

	It("shows the token to root only", func() {
		Expect(start()).To(Succeed())
		session()
		Expect(processes("cmdline", secret)).To(BeEmpty())
		agents := processes("environ", secret)
		Expect(agents).To(Equal(processes("cmdline", disk)))
		info, err := os.Stat(fmt.Sprintf("/proc/%d/environ", agents[0]))
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o400)))
		Expect(info.Sys().(*syscall.Stat_t).Uid).To(BeZero())
	})

	It("leaves nothing of an agent that is killed", func() {
		Expect(start()).To(Succeed())
		session()
		Expect(syscall.Kill(processes("cmdline", disk)[0], syscall.SIGKILL)).To(Succeed())
	})

	It("says why an agent does not start", func() {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", marker))
		Expect(err).NotTo(HaveOccurred())
		defer l.Close()
		Expect(start()).To(MatchError(MatchRegexp(`^start the agent in the system that runs on node-1\.lab: open the marker port: .*address already in use$`)))
	})

	It("says that the server does not want the agent", func() {
		pin = "sha256:" + strings.Repeat("0", 64)
		Expect(start()).To(MatchError(ContainSubstring("the server is not the one of the fingerprint")))
	})

	It("uses the agent that is installed there when it is the same, and leaves it there", func() {
		own := node.File("installed-agent")
		text, err := os.ReadFile(program)
		Expect(err).NotTo(HaveOccurred())
		node.Write("installed-agent", string(text), 0o755)
		usual := *prodsystem.Installed
		DeferCleanup(func() { *prodsystem.Installed = usual })
		*prodsystem.Installed = []string{node.File("missing"), own}

		Expect(start()).To(Succeed())
		session()
		Expect(os.Readlink(fmt.Sprintf("/proc/%d/exe", processes("cmdline", disk)[0]))).To(Equal(own))
	})

	It("brings its own when the one that is installed is another", func() {
		own := node.File("installed-agent")
		node.Write("installed-agent", "#!/bin/sh\nexit 0\n", 0o755)
		usual := *prodsystem.Installed
		DeferCleanup(func() { *prodsystem.Installed = usual })
		*prodsystem.Installed = []string{own}

		Expect(start()).To(Succeed())
		session()
		Expect(os.Readlink(fmt.Sprintf("/proc/%d/exe", processes("cmdline", disk)[0]))).To(HaveSuffix("/kadeploy-agent (deleted)"))
	})

	It("refuses a machine that the agent is not made for", func() {
		text, err := os.ReadFile(program)
		Expect(err).NotTo(HaveOccurred())
		binary.LittleEndian.PutUint16(text[18:], 183) // e_machine of aarch64 (elf(5))
		node.Write("foreign", string(text), 0o755)
		door = prodsystem.New(node.File("foreign"))
		Expect(start()).To(MatchError(ContainSubstring(`it is a machine of kind "x86_64", and ` + node.File("foreign") + ` is a program for "aarch64"`)))
	})

	It("is closed without the site's key, and to a host that the site does not know", func() {
		node.Know(node.Key("stranger"))
		Expect(start()).To(MatchError(HaveSuffix("ssh: its host key is another one than that of ssh_known_hosts")))
		node.Key("user")
		Expect(start()).To(MatchError(ContainSubstring("another one")))
	})

	It("ends with its context, and takes the agent that it was bringing away", func() {
		short, cancel := context.WithTimeoutCause(ctx, 700*time.Millisecond, fmt.Errorf("the try is over"))
		defer cancel()
		silent, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		defer silent.Close()
		line := fmt.Sprintf("kadeploy.server=%s kadeploy.node=node-1 kadeploy.token=t kadeploy.pin=%s kadeploy.marker=%d", silent.Addr(), pin, marker)
		Expect(door.Start(short, node.Login(), line, "--sandbox-disk", disk)).To(MatchError(ContainSubstring("the try is over")))
		for _, pid := range processes("cmdline", disk) { // it would call in vain for a minute
			_ = syscall.Kill(pid, syscall.SIGTERM)
		}
		Eventually(leftovers, "10s").Should(BeEmpty())
	})

	It("works on the machine's own disks, refuses those in use, and keeps what it mounts to itself", func() {
		disks, err := linux.Inventory(ctx, linux.Config{})
		Expect(err).NotTo(HaveOccurred())
		used := slices.IndexFunc(disks, func(d machine.DiskInfo) bool { return d.InUse != "" })
		if used < 0 {
			Skip("no disk of this machine is in use")
		}
		line := fmt.Sprintf("kadeploy.server=%s kadeploy.node=node-1 kadeploy.token=%s kadeploy.pin=%s kadeploy.marker=%d", server.Addr(), secret, pin, marker)
		Expect(door.Start(ctx, node.Login(), line, "--disks", "--address", "127.0.0.1")).To(Succeed())
		s := session()
		result, err := s.Do(ctx, &agentpb.Order{Step: "check_nodes", Kind: &agentpb.Order_CheckDevice{CheckDevice: &agentpb.CheckDevice{Device: disks[used].Device}}}, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(result.Ok).To(BeFalse())
		Expect(result.Error).To(Equal(disks[used].InUse))

		dir := node.File("rambin")
		exec := &agentpb.Custom{Kind: "exec", Command: "stat -f -c %T . && touch here", Dir: dir}
		result, err = s.Do(ctx, &agentpb.Order{Step: "custom_pre", Kind: &agentpb.Order_Custom{Custom: exec}}, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(result.Ok).To(BeTrue(), result.Error)
		Expect(result.LogTail).To(Equal("tmpfs\n"))
		Expect(os.ReadDir(dir)).To(BeEmpty(), "nobody else sees what is there")
		s.Close()
		Eventually(func() error { _, err := os.Stat(dir); return err }, "10s").Should(MatchError(os.ErrNotExist))
		Eventually(func() []int { return processes("cmdline", "--detached") }, "10s").Should(BeEmpty())
	})
})

package main_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"

	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/pki"
)

var _ = Describe("kadeploy-agent", func() {
	var (
		server  *agentlink.Server
		pin     string
		joined  chan *agentlink.Session
		disk    string
		session *agentlink.Session
		process *gexec.Session
	)

	// start runs the program as the sandbox does: the command line, with its token, in the environment.
	start := func(flags ...string) {
		GinkgoHelper()
		cmd := exec.Command(program, append([]string{"run", "--sandbox-disk", disk, "--address", "127.0.0.1"}, flags...)...)
		cmd.Env = []string{fmt.Sprintf("KADEPLOY_CMDLINE=quiet kadeploy.server=%s kadeploy.node=node-1 kadeploy.token=one-time-secret kadeploy.pin=%s kadeploy.marker=%d", server.Addr(), pin, freePort())}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
		var err error
		process, err = gexec.Start(cmd, GinkgoWriter, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() {
			process.Kill()
			Eventually(process, "5s").Should(gexec.Exit())
		})
		Eventually(joined, "10s").Should(Receive(&session))
	}
	do := func(o *agentpb.Order) (*agentpb.Result, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		return session.Do(ctx, o, nil)
	}
	must := func(o *agentpb.Order) {
		GinkgoHelper()
		result, err := do(o)
		Expect(err).NotTo(HaveOccurred())
		Expect(result.Ok).To(BeTrue(), result.Error)
	}

	BeforeEach(func() {
		joined = make(chan *agentlink.Session, 1)
		disk = filepath.Join(GinkgoT().TempDir(), "disk")
		authority, err := pki.Open(pki.Config{Dir: filepath.Join(GinkgoT().TempDir(), "pki")})
		Expect(err).NotTo(HaveOccurred())
		pin = authority.Pin()
		boots := agentlink.NewBoots(nil)
		Expect(boots.Expect("node-1", "one-time-secret", time.Now().Add(time.Minute))).To(Succeed())
		server, err = agentlink.Start(agentlink.Config{
			Listen: "127.0.0.1:0", Authority: authority, Boots: boots,
			Joined: func(s *agentlink.Session) { joined <- s },
			Left:   func(*agentlink.Session, error) {},
		})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(server.Close)
	})

	It("exits 0 when a reboot was ordered", func() {
		start()
		must(orders["reboot"])
		Eventually(process, "5s").Should(gexec.Exit(0))
	})

	It("exits 1 when the server is gone", func() {
		start()
		server.Close()
		Eventually(process, "10s").Should(gexec.Exit(1))
		Expect(process.Err).To(gbytes.Say("lost the server"))
	})

	It("exits 1 when who answers is not the server of its pin", func() {
		pin = "sha256:" + strings.Repeat("0", 64)
		cmd := exec.Command(program, "run", "--sandbox-disk", disk)
		cmd.Env = []string{fmt.Sprintf("KADEPLOY_CMDLINE=kadeploy.server=%s kadeploy.node=node-1 kadeploy.token=one-time-secret kadeploy.pin=%s kadeploy.marker=%d", server.Addr(), pin, freePort())}
		out, err := gexec.Start(cmd, GinkgoWriter, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		Eventually(out, "5s").Should(gexec.Exit(1))
		Expect(out.Err).To(gbytes.Say("kadeploy-agent: who answers at .* is refused: the server is not the one of the fingerprint\n"))
	})

	It("shows its token to nobody: not in arguments, nor in its log", func() {
		start()
		args, err := os.ReadFile("/proc/" + strconv.Itoa(process.Command.Process.Pid) + "/cmdline")
		Expect(err).NotTo(HaveOccurred())
		Expect(string(args)).NotTo(ContainSubstring("secret"))
		must(orders["reboot"])
		Eventually(process, "5s").Should(gexec.Exit(0))
		Expect(string(process.Err.Contents())).NotTo(ContainSubstring("secret"))
	})

	DescribeTable("killed with an order, is lost to the server at once",
		func(step string) {
			start("--sandbox-fault", "agent-crash:"+step)
			began := time.Now()
			_, err := do(orders[step])
			Expect(err).To(MatchError(agentlink.ErrLost))
			Expect(time.Since(began)).To(BeNumerically("<", 5*time.Second))
			Eventually(process, "5s").Should(gexec.Exit())
			Expect(process.Command.ProcessState.Sys().(syscall.WaitStatus).Signal()).To(Equal(syscall.SIGKILL))
		},
		Entry("partition", "partition"), Entry("format", "format"), Entry("swap", "swap"), Entry("mount", "mount"),
		Entry("umount", "umount"), Entry("receive", "receive"), Entry("run archive", "archive"), Entry("install key", "key"),
		Entry("check files", "check"), Entry("sync", "sync"), Entry("reboot", "reboot"),
	)

	It("is lost when it is killed while it waits for an image", func() {
		start()
		must(orders["partition"])
		must(orders["format"])
		must(orders["mount"])
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_, err := session.Do(ctx, orders["receive"], func(p *agentpb.Progress) {
			Expect(p.Listening).NotTo(BeEmpty())
			process.Kill()
		})
		Expect(err).To(MatchError(agentlink.ErrLost))
	})

	It("takes its scripts with it when it is killed", func() {
		start()
		content := script("#!/bin/sh\necho $$ > $KADEPLOY_TMP_DIR/pid\nsleep 1000\n")
		path := filepath.Join(GinkgoT().TempDir(), "pre.tar")
		Expect(os.WriteFile(path, content, 0o600)).To(Succeed())
		session.Offer("pre", path)
		lost := make(chan error, 1)
		go func() {
			_, err := do(&agentpb.Order{Step: "archive", Kind: &agentpb.Order_RunArchive{RunArchive: &agentpb.RunArchive{
				File: "pre", Size: uint64(len(content)), Dir: "/rambin", Script: "go.sh", Env: map[string]string{"KADEPLOY_TMP_DIR": "/rambin"},
			}}})
			lost <- err
		}()
		var pid int
		Eventually(func() (err error) {
			text, err := os.ReadFile(filepath.Join(disk, "ram/rambin/pid"))
			if err == nil {
				pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
			}
			return err
		}, "10s").Should(Succeed())
		process.Kill()
		Eventually(lost, "10s").Should(Receive(MatchError(agentlink.ErrLost)))
		Eventually(func() bool {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			return err != nil || strings.Contains(string(stat), ") Z ")
		}, "5s").Should(BeTrue())
	})

	It("is lost within 15 s when it is frozen", func() {
		start()
		Expect(process.Command.Process.Signal(syscall.SIGSTOP)).To(Succeed())
		Eventually(session.Done(), "16s").Should(BeClosed())
	})

	DescribeTable("exits 1 with one line",
		func(want string, env string, args ...string) {
			cmd := exec.Command(program, append([]string{"run"}, args...)...)
			cmd.Env = []string{env}
			out, err := gexec.Start(cmd, GinkgoWriter, GinkgoWriter)
			Expect(err).NotTo(HaveOccurred())
			Eventually(out, "5s").Should(gexec.Exit(1))
			Expect(string(out.Err.Contents())).To(And(ContainSubstring(want), HavePrefix("kadeploy-agent: "), HaveSuffix("\n")))
			Expect(strings.Count(string(out.Err.Contents()), "\n")).To(Equal(1))
		},
		Entry("without a disk", "give --disks to write this machine's disks", complete),
		Entry("with two kinds of disks", "one of them", complete, "--disks", "--sandbox-disk", "/nowhere"),
		Entry("without the words it needs", "kadeploy.server", "KADEPLOY_CMDLINE=quiet", "--sandbox-disk", "/nowhere"),
		Entry("with a fault that is none", "want KIND:STEP", complete, "--sandbox-disk", "/nowhere", "--sandbox-fault", "x"),
		Entry("with an address that is none", "want an IP address", complete, "--sandbox-disk", "/nowhere", "--address", "me"),
	)
})

const complete = "KADEPLOY_CMDLINE=kadeploy.server=127.0.0.1:1 kadeploy.node=n kadeploy.token=t kadeploy.marker=1 " +
	"kadeploy.pin=sha256:0000000000000000000000000000000000000000000000000000000000000000"

// orders has one of each kind; its key is also its step.
var orders = map[string]*agentpb.Order{
	"partition": {Step: "partition", Kind: &agentpb.Order_Partition{Partition: &agentpb.Partition{Device: "/dev/sda", Kind: "fdisk", Script: []byte("part 3 1G\n")}}},
	"format":    {Step: "format", Kind: &agentpb.Order_Format{Format: &agentpb.Format{Device: "/dev/sda3", Filesystem: "ext4"}}},
	"swap":      {Step: "swap", Kind: &agentpb.Order_Swap{Swap: &agentpb.Swap{Device: "/dev/sda3"}}},
	"mount":     {Step: "mount", Kind: &agentpb.Order_Mount{Mount: &agentpb.Mount{Device: "/dev/sda3", Dir: "/mnt/dest"}}},
	"umount":    {Step: "umount", Kind: &agentpb.Order_Umount{Umount: &agentpb.Umount{Dir: "/mnt/dest"}}},
	"receive": {Step: "receive", Kind: &agentpb.Order_Receive{Receive: &agentpb.Receive{
		Transfer: make([]byte, 16), Key: make([]byte, 32), Manifest: make([]byte, 32), Listen: "127.0.0.1:0", Kind: "tar", Target: "/mnt/dest",
	}}},
	"archive": {Step: "archive", Kind: &agentpb.Order_RunArchive{RunArchive: &agentpb.RunArchive{File: "f", Dir: "/rambin", Script: "none"}}},
	"key":     {Step: "key", Kind: &agentpb.Order_InstallKey{InstallKey: &agentpb.InstallKey{Keys: []byte("k"), Root: "/mnt/dest"}}},
	"check":   {Step: "check", Kind: &agentpb.Order_CheckFiles{CheckFiles: &agentpb.CheckFiles{Root: "/mnt/dest"}}},
	"sync":    {Step: "sync", Kind: &agentpb.Order_Sync{Sync: &agentpb.Sync{}}},
	"reboot":  {Step: "reboot", Kind: &agentpb.Order_Reboot{Reboot: &agentpb.Reboot{}}},
}

// script is an archive of one file.
func script(text string) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	Expect(w.WriteHeader(&tar.Header{Name: "go.sh", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(text))})).To(Succeed())
	_, err := w.Write([]byte(text))
	Expect(err).NotTo(HaveOccurred())
	Expect(w.Close()).To(Succeed())
	return buf.Bytes()
}

package chain_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/chain"
)

// TestMain turns the test binary into a link when it is started as one.
func TestMain(m *testing.M) {
	if name := os.Getenv("CHAIN_LINK"); name != "" {
		os.Exit(linkProcess(name))
	}
	os.Exit(m.Run())
}

// linkProcess receives into the file named in the environment; the first line it prints is its address.
func linkProcess(name string) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 2
	}
	fmt.Println(l.Addr())
	file, err := os.Create(os.Getenv("CHAIN_FILE"))
	if err != nil {
		return 2
	}
	cfg := chain.ReceiveConfig{Listener: l, Transfer: [16]byte{1, 2, 3}, Key: [32]byte{4, 5, 6}, Name: name, Sink: file,
		Ring: 4 * chunk, StallTimeout: 2 * second, OrphanTimeout: 6 * second}
	digest, err := hex.DecodeString(os.Getenv("CHAIN_MANIFEST"))
	if err != nil {
		return 2
	}
	copy(cfg.Manifest[:], digest)
	if _, err := chain.Receive(context.Background(), cfg); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

var _ = Describe("A chain of processes", func() {
	const links, size = 8, 40 * chunk

	// spawn replaces each node by a process of its own, which writes a file.
	spawn := func(b *broadcast) (processes []*exec.Cmd, files []string) {
		dir := GinkgoT().TempDir()
		for i, n := range b.nodes {
			files = append(files, filepath.Join(dir, n.name))
			c := exec.Command(os.Args[0])
			c.Env = append(os.Environ(), "CHAIN_LINK="+n.name, "CHAIN_FILE="+files[i], "CHAIN_MANIFEST="+b.send.Manifest.Digest().String())
			out, err := c.StdoutPipe()
			Expect(err).NotTo(HaveOccurred())
			Expect(c.Start()).To(Succeed())
			DeferCleanup(func() { c.Process.Kill(); c.Wait() })
			line, err := bufio.NewReader(out).ReadString('\n')
			Expect(err).NotTo(HaveOccurred())
			b.send.Links[i].Addr = strings.TrimSpace(line)
			processes = append(processes, c)
		}
		return processes, files
	}

	DescribeTable("serves the others when one dies or freezes in the middle", func(victim int, sig syscall.Signal) {
		b := prepare(links, size)
		b.send.StallTimeout = 2 * second // nine processes may share one core
		open := b.slowAfter(10 * chunk)
		processes, files := spawn(b)
		out := b.background(context.Background())
		for _, f := range files {
			Eventually(func() int64 {
				info, err := os.Stat(f)
				if err != nil {
					return 0
				}
				return info.Size()
			}).WithTimeout(20 * second).Should(BeNumerically(">", 4*chunk))
		}
		Expect(processes[victim].Process.Signal(sig)).To(Succeed())
		open()
		report := settledIn(out)
		Expect(report.OK()).To(Equal(links-1), "%+v", report)
		for i, r := range report.Results {
			Expect(r.OK).To(Equal(i != victim), "%+v", r)
			if i == victim {
				Expect(r.Cause).To(HavePrefix("lost by "))
				continue
			}
			got, err := os.ReadFile(files[i])
			Expect(err).NotTo(HaveOccurred())
			Expect(bytes.Equal(got, b.image)).To(BeTrue(), r.Name)
			ended := make(chan error, 1)
			go func() { ended <- processes[i].Wait() }()
			Eventually(ended).WithTimeout(20*second).Should(Receive(Succeed()), r.Name)
		}
	},
		Entry("kill -9 of the first", 0, syscall.SIGKILL),
		Entry("kill -9 in the middle", 4, syscall.SIGKILL),
		Entry("kill -9 of the last", 7, syscall.SIGKILL),
		Entry("SIGSTOP of the first", 0, syscall.SIGSTOP),
		Entry("SIGSTOP in the middle", 4, syscall.SIGSTOP),
		Entry("SIGSTOP of the last", 7, syscall.SIGSTOP),
	)
})

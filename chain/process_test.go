package chain_test

import (
	"bufio"
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

// TestMain turns the test binary into a link or a head when it is started as one.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("CHAIN_LINK") != "":
		os.Exit(linkProcess(os.Getenv("CHAIN_LINK")))
	case os.Getenv("CHAIN_HEAD") != "":
		os.Exit(headProcess(os.Getenv("CHAIN_HEAD")))
	}
	os.Exit(m.Run())
}

// linkProcess receives into the file named in the environment; the first line it prints is its address.
func linkProcess(name string) int {
	l, err := net.Listen("tcp", os.Getenv("CHAIN_ADDR"))
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

// process is a link or a head that runs in a process of its own.
type process struct {
	*exec.Cmd
	first string // the first line it printed
	rest  *bufio.Reader
	file  string // of a link: what it writes
	gone  chan struct{}
	err   error // how it ended, once it is gone
}

// launch starts the test binary again; it ends with the spec at the latest.
func launch(stdin *os.File, env ...string) *process {
	GinkgoHelper()
	p := &process{Cmd: exec.Command(os.Args[0]), gone: make(chan struct{})}
	p.Env = append(os.Environ(), env...)
	if stdin != nil {
		p.Stdin = stdin
	}
	in, out, err := os.Pipe()
	Expect(err).NotTo(HaveOccurred())
	p.Stdout = out
	Expect(p.Start()).To(Succeed())
	out.Close()
	go func() {
		defer close(p.gone)
		p.err = p.Wait()
	}()
	DeferCleanup(func() {
		p.Process.Kill()
		<-p.gone
		in.Close()
	})
	p.rest = bufio.NewReader(in)
	line, err := p.rest.ReadString('\n')
	Expect(err).NotTo(HaveOccurred())
	p.first = strings.TrimSpace(line)
	return p
}

func (p *process) signal(sig syscall.Signal) {
	GinkgoHelper()
	Expect(p.Process.Signal(sig)).To(Succeed())
}

// expectExit waits for a process that ends well by itself.
func (p *process) expectExit(what string) {
	GinkgoHelper()
	Eventually(p.gone).WithTimeout(20*second).Should(BeClosed(), what)
	Expect(p.err).NotTo(HaveOccurred(), what)
}

// spawn starts a process in the place of node i, at an address.
func (b *broadcast) spawn(i int, addr string) *process {
	GinkgoHelper()
	file := filepath.Join(GinkgoT().TempDir(), "image")
	p := launch(nil, "CHAIN_LINK="+b.nodes[i].name, "CHAIN_FILE="+file, "CHAIN_ADDR="+addr, "CHAIN_MANIFEST="+b.send.Manifest.Digest().String())
	p.file = file
	return p
}

// spawnAll replaces every node by a process.
func (b *broadcast) spawnAll() (all []*process) {
	GinkgoHelper()
	b.send.StallTimeout = 2 * second // they may share one core
	for i := range b.nodes {
		p := b.spawn(i, "127.0.0.1:0")
		b.send.Links[i].Addr = p.first
		all = append(all, p)
	}
	return all
}

// writes waits until a link has written more than n bytes.
func (p *process) writes(n int64) {
	GinkgoHelper()
	Eventually(func() int64 {
		info, err := os.Stat(p.file)
		if err != nil {
			return 0
		}
		return info.Size()
	}).WithTimeout(20 * second).Should(BeNumerically(">", n))
}

// expectImage checks that a link has written all of it, and ended well.
func (p *process) expectImage(b *broadcast, name string) {
	GinkgoHelper()
	p.expectExit(name)
	got, err := os.ReadFile(p.file)
	Expect(err).NotTo(HaveOccurred())
	Expect(string(got) == string(b.image)).To(BeTrue(), name)
}

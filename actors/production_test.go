package actors_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/kadeploy/kadeploy/internal/power"
)

// production is the ssh server of a system that runs on a machine of the sandbox, with a shell. Agents that are started there work on the
// machine's disk.
type production struct {
	listener net.Listener
	config   *ssh.ServerConfig
	disk     string

	mu     sync.Mutex
	guests []net.Conn
	served sync.WaitGroup
}

// keys are what the server and its nodes know of each other.
type keys struct{ site, host ssh.Signer }

// newKeys writes the site's private key and the hosts' public one into its directory.
func (s *site) newKeys() keys {
	GinkgoHelper()
	k := keys{newSigner(func(text string) { s.file("keys/site", text) }), newSigner(func(string) {})}
	var known strings.Builder
	for n := 1; n <= s.nodes; n++ {
		fmt.Fprintln(&known, knownhosts.Line([]string{fmt.Sprintf("[%s]:2522", name(n))}, k.host.PublicKey()))
	}
	s.file("keys/known", known.String())
	Expect(os.Chmod(s.path("keys/site"), 0o600)).To(Succeed())
	return k
}

func newSigner(write func(string)) ssh.Signer {
	GinkgoHelper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	block, err := ssh.MarshalPrivateKey(private, "")
	Expect(err).NotTo(HaveOccurred())
	write(string(pem.EncodeToMemory(block)))
	signer, err := ssh.NewSignerFromKey(private)
	Expect(err).NotTo(HaveOccurred())
	return signer
}

// runProduction has a machine that is off run a system of its own.
func (s *site) runProduction(n int, k keys) *production {
	GinkgoHelper()
	p := &production{disk: s.path("disks", name(n)), config: &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if !bytes.Equal(key.Marshal(), k.site.PublicKey().Marshal()) {
				return nil, fmt.Errorf("no such key")
			}
			return nil, nil
		},
	}}
	p.config.AddHostKey(k.host)
	var err error
	p.listener, err = net.Listen("tcp", netip.AddrPortFrom(s.addr(n), 2522).String())
	Expect(err).NotTo(HaveOccurred())
	p.served.Go(p.serve)
	DeferCleanup(p.down)
	return p
}

func (p *production) serve() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.guests = append(p.guests, conn)
		p.mu.Unlock()
		p.served.Go(func() { p.login(conn) })
	}
}

func (p *production) login(conn net.Conn) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, p.config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for next := range channels {
		channel, requests, err := next.Accept()
		if err != nil {
			return
		}
		for r := range requests {
			if r.Type == "exec" {
				_ = r.Reply(true, nil)
				p.execute(channel, string(r.Payload[4:]))
			}
		}
	}
}

// execute is the shell, which gives agents the disk that is theirs.
func (p *production) execute(channel ssh.Channel, command string) {
	defer channel.Close()
	cmd := exec.Command("/bin/sh", "-c", strings.ReplaceAll(command, "--disks", "--sandbox-disk "+p.disk))
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	cmd.WaitDelay = 5 * time.Second
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return
	}
	go func() {
		defer in.Close()
		_, _ = io.Copy(in, channel)
	}()
	_ = cmd.Wait()
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(cmd.ProcessState.ExitCode())}))
}

// down ends the system, and all logins with it.
func (p *production) down() {
	_ = p.listener.Close()
	p.mu.Lock()
	for _, conn := range p.guests {
		_ = conn.Close()
	}
	p.mu.Unlock()
	p.served.Wait()
}

// agents are the processes of agents that work on the machine's disk.
func (p *production) agents() []string { return processesOf(p.disk) }

func (s *site) switchPower(n int, op power.Op) {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := s.rack.Do(ctx, power.Target{Name: name(n)}, op, power.Hard)
	Expect(err).NotTo(HaveOccurred())
}

// Package sshdtest has real ssh servers for specs: OpenSSH's, on loopback, with keys of their own.
package sshdtest

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/kadeploy/kadeploy/internal/sshclient"
)

// Name is what the servers are known by.
const Name = "node-1.lab"

// Server is an sshd that lets root in by one key.
type Server struct {
	Dir  string
	Port int
}

// Start runs an sshd whose sessions run a script, whatever they ask for: twice over, so that what must not happen here never does. With an
// empty script they run what they are asked. The spec is skipped where it cannot be run.
func Start(script string) *Server {
	ginkgo.GinkgoHelper()
	sshd, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil || os.Geteuid() != 0 {
		ginkgo.Skip("needs root and sshd (Debian: openssh-server)")
	}
	gomega.Expect(os.MkdirAll("/run/sshd", 0o755)).To(gomega.Succeed())
	s := &Server{Dir: ginkgo.GinkgoT().TempDir()}
	host, user := s.Key("host"), s.Key("user")
	key, force := ssh.MarshalAuthorizedKey(user), ""
	if script != "" {
		s.Write("script", "#!/bin/sh\necho \"$SSH_ORIGINAL_COMMAND\" >> "+s.File("asked")+"\n"+script+"\n", 0o755)
		key = fmt.Appendf(nil, "restrict,command=%q %s", s.File("script"), key)
		force = "ForceCommand " + s.File("script") + "\n"
	}
	s.Write("authorized", string(key), 0o600)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	s.Port = free.Addr().(*net.TCPAddr).Port
	gomega.Expect(free.Close()).To(gomega.Succeed())
	s.Write("config", fmt.Sprintf("ListenAddress 127.0.0.1:%d\nHostKey %s\nHostKey %s\nAuthorizedKeysFile %s\n%sStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nPidFile none\n",
		s.Port, s.otherKey(), s.File("host"), s.File("authorized"), force), 0o600)
	s.Know(host)
	cmd := exec.Command(sshd, "-D", "-q", "-f", s.File("config"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	gomega.Expect(cmd.Start()).To(gomega.Succeed())
	ginkgo.DeferCleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	gomega.Eventually(func() error {
		conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", s.Port))
		if err == nil {
			_ = conn.Close()
		}
		return err
	}).WithTimeout(5 * time.Second).Should(gomega.Succeed())
	return s
}

// File is a file of the server's directory.
func (s *Server) File(name string) string { return filepath.Join(s.Dir, name) }

// Write writes one.
func (s *Server) Write(name, text string, mode os.FileMode) {
	ginkgo.GinkgoHelper()
	gomega.Expect(os.WriteFile(s.File(name), []byte(text), mode)).To(gomega.Succeed())
}

// Key writes a new private key.
func (s *Server) Key(name string) ssh.PublicKey {
	ginkgo.GinkgoHelper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	block, err := ssh.MarshalPrivateKey(private, "")
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	s.Write(name, string(pem.EncodeToMemory(block)), 0o600)
	signer, err := ssh.NewSignerFromKey(private)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return signer.PublicKey()
}

// otherKey is one that the site does not know: a server has several keys.
func (s *Server) otherKey() string {
	ginkgo.GinkgoHelper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	block, err := ssh.MarshalPrivateKey(private, "")
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	s.Write("other", string(pem.EncodeToMemory(block)), 0o600)
	return s.File("other")
}

// Know makes a key the one that the client expects of the server.
func (s *Server) Know(key ssh.PublicKey) {
	ginkgo.GinkgoHelper()
	s.Write("known", knownhosts.Line([]string{fmt.Sprintf("[%s]:%d", Name, s.Port)}, key)+"\n", 0o600)
}

// Login is how root logs in: with the keys of the files user and known.
func (s *Server) Login() sshclient.Config {
	return sshclient.Config{
		Host: Name, Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(s.Port)), KeyFile: s.File("user"), KnownHosts: s.File("known"),
	}
}

// Asked is what sessions asked for, a line each, where there is a script.
func (s *Server) Asked() string {
	text, _ := os.ReadFile(s.File("asked"))
	return string(text)
}

package tftp_test

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/pxe/tftp"
)

// rig is a server with its root and all that it told of its transfers.
type rig struct {
	root      string
	server    *tftp.Server
	transfers chan tftp.Transfer
}

func start(change func(*tftp.Config)) *rig {
	GinkgoHelper()
	r := &rig{root: GinkgoT().TempDir(), transfers: make(chan tftp.Transfer, 1000)}
	c := tftp.Config{Listen: "127.0.0.1:0", Root: r.root, Observe: func(t tftp.Transfer) { r.transfers <- t }}
	if change != nil {
		change(&c)
	}
	var err error
	r.server, err = tftp.Start(c)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) { Expect(r.server.Close(ctx)).To(Succeed()) }, NodeTimeout(20*time.Second))
	return r
}

// file puts size bytes below the root and returns them.
func (r *rig) file(name string, size int) []byte {
	GinkgoHelper()
	content := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(size)}).Read(content)
	path := filepath.Join(r.root, name)
	Expect(os.MkdirAll(filepath.Dir(path), 0o755)).To(Succeed())
	Expect(os.WriteFile(path, content, 0o644)).To(Succeed())
	return content
}

func (r *rig) client() tftp.Client {
	return tftp.Client{Server: r.server.Addr()}
}

// peer is a socket that speaks TFTP by hand.
type peer struct {
	conn *net.UDPConn
	last netip.AddrPort
}

func newPeer() *peer {
	GinkgoHelper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(conn.Close)
	Expect(conn.SetDeadline(time.Now().Add(10 * time.Second))).To(Succeed())
	return &peer{conn: conn}
}

func (p *peer) addr() netip.AddrPort { return p.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

func (p *peer) send(to netip.AddrPort, packet string) {
	GinkgoHelper()
	_, err := p.conn.WriteToUDPAddrPort([]byte(packet), to)
	Expect(err).NotTo(HaveOccurred())
}

func (p *peer) receive() string {
	GinkgoHelper()
	packet, err := p.read()
	Expect(err).NotTo(HaveOccurred())
	return packet
}

func (p *peer) read() (string, error) {
	b := make([]byte, 64<<10)
	n, from, err := p.conn.ReadFromUDPAddrPort(b)
	p.last = from
	return string(b[:n]), err
}

const (
	rrq   = "\x00\x01"
	wrq   = "\x00\x02"
	data  = "\x00\x03"
	ack   = "\x00\x04"
	fail  = "\x00\x05"
	oack  = "\x00\x06"
	octet = "\x00octet\x00"
)

func background() context.Context { return context.Background() }

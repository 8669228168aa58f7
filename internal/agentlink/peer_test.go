package agentlink_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"path/filepath"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/pki"
)

// desk is a server with what it told its caller.
type desk struct {
	*agentlink.Server
	authority *pki.Authority
	boots     *agentlink.Boots
	mu        sync.Mutex
	sessions  []*agentlink.Session
	ends      []error
}

func open(change func(*agentlink.Config)) *desk {
	GinkgoHelper()
	d := &desk{boots: agentlink.NewBoots(nil)}
	var err error
	d.authority, err = pki.Open(pki.Config{Dir: filepath.Join(GinkgoT().TempDir(), "pki")})
	Expect(err).NotTo(HaveOccurred())
	cfg := agentlink.Config{
		Listen: "127.0.0.1:0", Authority: d.authority, Boots: d.boots,
		Joined: func(s *agentlink.Session) { d.mu.Lock(); defer d.mu.Unlock(); d.sessions = append(d.sessions, s) },
		Left:   func(_ *agentlink.Session, err error) { d.mu.Lock(); defer d.mu.Unlock(); d.ends = append(d.ends, err) },
	}
	if change != nil {
		change(&cfg)
	}
	d.boots, d.authority = cfg.Boots, cfg.Authority
	d.Server, err = agentlink.Start(cfg)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(d.Close)
	return d
}

// expect announces a boot of a node for a minute.
func (d *desk) expect(node, token string) {
	GinkgoHelper()
	Expect(d.boots.Expect(node, token, time.Now().Add(time.Minute))).To(Succeed())
}

// session waits for the n-th session.
func (d *desk) session(n int) *agentlink.Session {
	var s *agentlink.Session
	Eventually(func() int {
		d.mu.Lock()
		defer d.mu.Unlock()
		if len(d.sessions) >= n {
			s = d.sessions[n-1]
		}
		return len(d.sessions)
	}, "5s").Should(BeNumerically(">=", n))
	return s
}

// left is every end so far.
func (d *desk) left() []error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]error(nil), d.ends...)
}

// newWallet is a key and no certificate.
func newWallet() *pki.Wallet {
	GinkgoHelper()
	w, err := pki.OpenWallet("")
	Expect(err).NotTo(HaveOccurred())
	Expect(w.NewKey()).To(Succeed())
	return w
}

// certified is a wallet with a certificate that no token was given for.
func certified(a *pki.Authority, id pki.Identity) *pki.Wallet {
	GinkgoHelper()
	w := newWallet()
	request, err := w.CSR()
	Expect(err).NotTo(HaveOccurred())
	text, err := a.Sign(request, id)
	Expect(err).NotTo(HaveOccurred())
	Expect(w.Store(text, a.PEM())).To(Succeed())
	return w
}

// line makes a connection to the server that shows the wallet's certificate; nil: none.
func line(d *desk, w *pki.Wallet) *grpc.ClientConn {
	GinkgoHelper()
	config, err := pki.PinnedTLS(d.authority.Pin())
	Expect(err).NotTo(HaveOccurred())
	if w != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return w.Certificate() }
	}
	conn, err := grpc.NewClient("passthrough:///"+d.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(config)), grpc.WithNoProxy())
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { conn.Close() })
	return conn
}

// enrol shows a token, over a connection of its own.
func enrol(d *desk, token string, w *pki.Wallet) error {
	GinkgoHelper()
	request, err := w.CSR()
	Expect(err).NotTo(HaveOccurred())
	conn := line(d, nil)
	defer conn.Close()
	got, err := ask(conn, &agentpb.EnrolRequest{Token: token, Request: request, Protocol: agentpb.Protocol})
	if err == nil {
		Expect(w.Store(got.Certificate, got.Authority)).To(Succeed())
	}
	return err
}

func ask(conn *grpc.ClientConn, r *agentpb.EnrolRequest) (*agentpb.Enrolled, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return agentpb.NewAgentsClient(conn).Enrol(ctx, r)
}

// enrolled announces a boot and is the wallet of its agent.
func enrolled(d *desk, node string) *pki.Wallet {
	GinkgoHelper()
	token := rand.Text()
	d.expect(node, token)
	w := newWallet()
	Expect(enrol(d, token, w)).To(Succeed())
	return w
}

// peer is an agent that says exactly what the spec wants.
type peer struct {
	agentpb.AgentsClient
	agentpb.Agents_SessionClient
	conn   *grpc.ClientConn
	secret []byte
}

// connect opens a stream and says nothing yet. Whether the server lets it be is seen with the first answer.
func connect(d *desk, w *pki.Wallet) *peer {
	GinkgoHelper()
	conn := line(d, w)
	p := &peer{AgentsClient: agentpb.NewAgentsClient(conn), conn: conn}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second) // a spec fails, it does not hang
	DeferCleanup(cancel)
	var err error
	p.Agents_SessionClient, err = p.AgentsClient.Session(ctx, grpc.WaitForReady(true))
	Expect(err).NotTo(HaveOccurred())
	return p
}

// refused calls with a wallet, and is what the server says.
func refused(d *desk, w *pki.Wallet) error {
	GinkgoHelper()
	return refusedOver(line(d, w))
}

func refusedOver(conn *grpc.ClientConn) error {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	stream, err := agentpb.NewAgentsClient(conn).Session(ctx)
	if err == nil {
		_ = stream.Send(&agentpb.FromAgent{Body: &agentpb.FromAgent_Hello{Hello: hello()}}) // Recv has the reason
		_, err = stream.Recv()
	}
	Expect(err).To(HaveOccurred())
	return err
}

func (p *peer) hello(h *agentpb.Hello) error {
	_ = p.Send(&agentpb.FromAgent{Body: &agentpb.FromAgent_Hello{Hello: h}})
	m, err := p.Recv()
	p.secret = m.GetWelcome().GetSession()
	return err
}

func (p *peer) say(m *agentpb.FromAgent) {
	GinkgoHelper()
	Expect(p.Send(m)).To(Succeed())
}

func (p *peer) answer(order uint64, text string) {
	p.say(&agentpb.FromAgent{Body: &agentpb.FromAgent_Result{Result: &agentpb.Result{Order: order, Ok: text == "", Error: text}}})
}

// order reads the next message, which must be an order.
func (p *peer) order() *agentpb.Order {
	GinkgoHelper()
	m, err := p.Recv()
	Expect(err).NotTo(HaveOccurred())
	Expect(m.GetOrder()).NotTo(BeNil())
	return m.GetOrder()
}

func hello() *agentpb.Hello { return &agentpb.Hello{Protocol: agentpb.Protocol, Version: "spec"} }

// join is an agent that was welcomed.
func join(d *desk, node string) *peer {
	GinkgoHelper()
	p := connect(d, enrolled(d, node))
	Expect(p.hello(hello())).To(Succeed())
	return p
}

func order(step string) *agentpb.Order {
	return &agentpb.Order{Step: step, Kind: &agentpb.Order_Sync{Sync: &agentpb.Sync{}}}
}

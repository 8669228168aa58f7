package agentlink_test

import (
	"context"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
)

// desk is a server with what it told its caller.
type desk struct {
	*agentlink.Server
	mu       sync.Mutex
	sessions []*agentlink.Session
	ends     []error
}

func open(change func(*agentlink.Config)) *desk {
	d := &desk{}
	cfg := agentlink.Config{
		Listen: "127.0.0.1:0",
		Admit: func(node, token string) error {
			if token != "token-of-"+node && token != "second-token-of-"+node {
				return context.Canceled
			}
			return nil
		},
		Joined: func(s *agentlink.Session) { d.mu.Lock(); defer d.mu.Unlock(); d.sessions = append(d.sessions, s) },
		Left:   func(_ *agentlink.Session, err error) { d.mu.Lock(); defer d.mu.Unlock(); d.ends = append(d.ends, err) },
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	d.Server, err = agentlink.Start(cfg)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(d.Close)
	return d
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

// peer is an agent that says exactly what the spec wants.
type peer struct {
	agentpb.AgentsClient
	agentpb.Agents_SessionClient
	conn   *grpc.ClientConn
	secret []byte
}

func connect(d *desk) *peer {
	conn, err := grpc.NewClient("passthrough:///"+d.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { conn.Close() })
	p := &peer{AgentsClient: agentpb.NewAgentsClient(conn), conn: conn}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second) // a spec fails, it does not hang
	DeferCleanup(cancel)
	p.Agents_SessionClient, err = p.AgentsClient.Session(ctx)
	Expect(err).NotTo(HaveOccurred())
	return p
}

func (p *peer) hello(h *agentpb.Hello) error {
	p.say(&agentpb.FromAgent{Body: &agentpb.FromAgent_Hello{Hello: h}})
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

func hello(node string) *agentpb.Hello {
	return &agentpb.Hello{Node: node, Token: "token-of-" + node, Protocol: agentpb.Protocol, Version: "spec"}
}

// join is an agent that was welcomed.
func join(d *desk, node string) *peer {
	GinkgoHelper()
	p := connect(d)
	Expect(p.hello(hello(node))).To(Succeed())
	return p
}

func order(step string) *agentpb.Order {
	return &agentpb.Order{Step: step, Kind: &agentpb.Order_Sync{Sync: &agentpb.Sync{}}}
}

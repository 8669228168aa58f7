package chain_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/chain"
)

const second = time.Second

// chunk is the chunk size of most specs: some frames long, so that borders of both kinds are met.
const chunk = 256 << 10

// memory is a sink that compares what it is given with the image. Its fields are its control panel.
type memory struct {
	image     []byte
	mu        sync.Mutex
	length    int
	wrong     bool
	closed    bool
	aborted   error
	failAt    int           // Write fails once so many bytes are in; 0: never
	failClose error         // what Close returns
	hangClose chan struct{} // Close waits for it to close
	hang      chan struct{} // Write waits for it to close
	held      chan struct{} // closed by the first Write that waits
	pace      time.Duration // that each Write takes
	once      sync.Once
}

func (m *memory) Write(p []byte) (int, error) {
	if m.hang != nil {
		m.once.Do(func() { close(m.held) })
		<-m.hang
	}
	if m.pace > 0 {
		<-time.After(m.pace)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failAt > 0 && m.length >= m.failAt {
		return 0, fmt.Errorf("no space left on device")
	}
	m.wrong = m.wrong || !bytes.HasPrefix(m.image[m.length:], p)
	m.length += len(p)
	return len(p), nil
}

func (m *memory) Close() error {
	if m.hangClose != nil {
		<-m.hangClose
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return m.failClose
}

func (m *memory) Abort(cause error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.aborted = cause
}

func (m *memory) state() (length int, closed bool, aborted error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.length, m.closed, m.aborted
}

func (m *memory) right() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.wrong && m.length == len(m.image)
}

// node is a link that runs in this process.
type node struct {
	name     string
	listener net.Listener
	cfg      chain.ReceiveConfig
	sink     *memory
	cancel   context.CancelFunc
	done     chan struct{}
	result   chain.Result
	err      error
}

// kill ends a node as a crash would: its sockets close, and nothing listens any more.
func (n *node) kill() {
	n.cancel()
	n.listener.Close()
}

// relisten opens the address of a node again, whose listener was closed.
func (n *node) relisten(addr string) {
	GinkgoHelper()
	l, err := net.Listen("tcp", addr)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { l.Close() }) // some specs have closed it
	n.listener, n.cfg.Listener = l, l
}

// broadcast is a chain of nodes in this process and the head's configuration for it.
type broadcast struct {
	image []byte
	nodes []*node
	send  chain.SendConfig
}

func image(size int) []byte {
	p := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{byte(size), byte(size >> 8), byte(size >> 16), 1})
	rng.Read(p)
	return p
}

// prepare opens the listeners of n links for an image of size bytes; timeouts are short.
func prepare(n, size int) *broadcast {
	GinkgoHelper()
	b := &broadcast{image: image(size)}
	m, err := chain.BuildManifest(bytes.NewReader(b.image), chunk)
	Expect(err).NotTo(HaveOccurred())
	b.send = chain.SendConfig{
		Transfer: [16]byte{1, 2, 3}, Key: [32]byte{4, 5, 6}, Source: bytes.NewReader(b.image), Manifest: m,
		DialTimeout: second, StallTimeout: second, Listen: "127.0.0.1:0",
	}
	for i := range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { l.Close() }) // some specs have closed it
		name := fmt.Sprintf("n%d", i)
		sink := &memory{image: b.image}
		b.nodes = append(b.nodes, &node{name: name, listener: l, sink: sink, done: make(chan struct{}), cfg: chain.ReceiveConfig{
			Listener: l, Transfer: b.send.Transfer, Key: b.send.Key, Manifest: m.Digest(), Name: name, Sink: sink,
			DialTimeout: second, StallTimeout: second, OrphanTimeout: 5 * second, Ring: 4 * chunk,
		}})
		b.send.Links = append(b.send.Links, chain.Link{Name: name, Addr: l.Addr().String()})
	}
	return b
}

// start runs the links; they end with the spec at the latest.
func (b *broadcast) start() {
	for _, n := range b.nodes {
		n.start()
	}
}

func (n *node) start() {
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	go func() {
		defer close(n.done)
		n.result, n.err = chain.Receive(ctx, n.cfg)
	}()
	DeferCleanup(func() {
		cancel()
		<-n.done
	})
}

// run starts the links, sends, and waits for all of it.
func (b *broadcast) run() chain.Report {
	GinkgoHelper()
	b.start()
	report, err := b.sendNow(context.Background())
	Expect(err).NotTo(HaveOccurred())
	b.wait()
	return report
}

func (b *broadcast) sendNow(ctx context.Context) (chain.Report, error) {
	GinkgoHelper()
	var report chain.Report
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		report, err = chain.Send(ctx, b.send)
	}()
	Eventually(done).WithTimeout(60 * second).Should(BeClosed())
	return report, err
}

func (b *broadcast) wait() {
	GinkgoHelper()
	for _, n := range b.nodes {
		if n.cancel != nil {
			Eventually(n.done).WithTimeout(30*second).Should(BeClosed(), n.name+" returns")
		}
	}
}

// expectWhole checks that the named links are OK in the report and hold the image, and that all others are not OK, with a cause.
func (b *broadcast) expectWhole(report chain.Report, whole ...int) {
	GinkgoHelper()
	good := make(map[int]bool)
	for _, i := range whole {
		good[i] = true
	}
	Expect(report.Results).To(HaveLen(len(b.nodes)))
	for i, r := range report.Results {
		n := b.nodes[i]
		Expect(r.Name).To(Equal(n.name))
		Expect(r.OK).To(Equal(good[i]), "%s: %+v", n.name, r)
		if !good[i] {
			Expect(r.Cause).NotTo(BeEmpty(), n.name)
			continue
		}
		Expect(r.Cause).To(BeEmpty())
		Expect(r.Bytes).To(BeEquivalentTo(len(b.image)))
		Expect(n.sink.right()).To(BeTrue(), "%s holds the image", n.name)
		_, closed, aborted := n.sink.state()
		Expect(closed).To(BeTrue())
		Expect(aborted).NotTo(HaveOccurred())
	}
}

func upTo(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

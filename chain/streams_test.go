package chain_test

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/chain"
)

// spool keeps what was read of a stream, for those who need it again.
type spool struct {
	r  io.Reader
	mu sync.Mutex
	b  []byte
}

func (s *spool) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b = append(s.b, p[:n]...)
	return n, err
}

func (s *spool) ReadAt(p []byte, offset int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if offset >= int64(len(s.b)) {
		return 0, io.EOF
	}
	n := copy(p, s.b[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// streamed makes the head read its image from r while it sends, and the links take whatever comes. It returns what the image is.
func (b *broadcast) streamed(r io.Reader) *chain.Manifest {
	GinkgoHelper()
	s := &spool{r: r}
	b.send.Manifest, b.send.Input, b.send.Source, b.send.ChunkSize = nil, s, s, chunk
	for _, n := range b.nodes {
		n.cfg.Manifest = chain.Digest{}
	}
	m, err := chain.BuildManifest(bytes.NewReader(b.image), chunk)
	Expect(err).NotTo(HaveOccurred())
	return m
}

// pipe is an image that stops coming at an offset, for a time or until it is opened.
type pipe struct {
	r     *bytes.Reader
	after int64
	pause time.Duration // 0: endless
	gate  chan struct{}
	open  func()
	read  atomic.Int64
}

func newPipe(image []byte, after int64) *pipe {
	p := &pipe{r: bytes.NewReader(image), after: after, gate: make(chan struct{})}
	p.open = sync.OnceFunc(func() { close(p.gate) })
	DeferCleanup(p.open)
	return p
}

func (p *pipe) Read(b []byte) (int, error) {
	if at := p.read.Load(); at < p.after {
		b = b[:min(int64(len(b)), p.after-at)]
	} else {
		var over <-chan time.Time
		if p.pause > 0 {
			over = time.After(p.pause)
		}
		select {
		case <-p.gate:
		case <-over:
			p.open()
		}
	}
	n, err := p.r.Read(b)
	p.read.Add(int64(n))
	return n, err
}

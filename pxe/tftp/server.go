package tftp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/pin/tftp/v3"

	"github.com/kadeploy/kadeploy/pxe/tree"
)

// Config of a server.
type Config struct {
	Listen string // host:port; port 0 for any
	Root   string // directory that is served
	// Serves says whether a file, by its clean name below Root, may be had; nil: every one.
	Serves func(name string) bool
	Log    *slog.Logger
	// Observe is told of each transfer that ended, from the transfer's goroutine; nil for nobody.
	Observe func(Transfer)

	MaxTransfers int           // at once; 4096 when 0
	MaxTime      time.Duration // of one transfer; 10 minutes when 0
	Timeout      time.Duration // until a block is sent again, five times; 1 second when 0
	BlockSize    int           // largest that is agreed to; when 0, 1448, which fits an Ethernet frame, and 65464 on loopback
}

// Transfer is one answered read request.
type Transfer struct {
	Peer  netip.AddrPort
	File  string // as asked for
	Bytes int64
	Took  time.Duration
	// Err is nil when the peer has acknowledged all; ErrAborted when it only wanted to know the size, as firmware does.
	Err error
}

// ErrAborted means that the peer ended the transfer before its first block.
var ErrAborted = errors.New("ended by the peer before the first block")

// Server answers read requests until it is closed.
type Server struct {
	config Config
	tree   *tree.Tree
	addr   netip.AddrPort
	tftp   *tftp.Server
	slots  chan struct{}
	done   chan struct{}      // closed once no transfer runs any more
	ctx    context.Context    // ends when Close is called
	cancel context.CancelFunc // ends ctx
	once   sync.Once
	conn   *net.UDPConn
}

// Start opens the root and the socket and serves. Its error is one line that says what to change.
func Start(c Config) (*Server, error) {
	c.MaxTransfers = cmp.Or(c.MaxTransfers, 4096)
	c.MaxTime = cmp.Or(c.MaxTime, 10*time.Minute)
	c.Timeout = cmp.Or(c.Timeout, time.Second)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))

	files, err := tree.Open(c.Root, c.Serves, c.Log)
	if err != nil {
		return nil, fmt.Errorf("tftp: %w", err)
	}
	conn, err := listen(c.Listen)
	if err != nil {
		return nil, errors.Join(err, files.Close())
	}
	s := &Server{
		config: c,
		tree:   files,
		conn:   conn,
		addr:   conn.LocalAddr().(*net.UDPAddr).AddrPort(),
		slots:  make(chan struct{}, c.MaxTransfers),
		done:   make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.tftp = tftp.NewServer(s.read, nil)
	s.tftp.SetHook(requests{s})
	s.tftp.SetBackoff(func(int) time.Duration { return 0 }) // the timeout is the pause
	s.tftp.SetTimeout(c.Timeout)
	// The library's own bound is the interface's MTU, asked for at each request; a kernel too busy to answer halves the
	// speed of that boot without a word.
	s.tftp.SetBlockSizeNegotiation(false)
	s.tftp.SetBlockSize(cmp.Or(c.BlockSize, largestBlock(s.addr.Addr())))
	go s.serve()
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Close refuses new requests, ends the transfers under way at their next block and waits for them. A peer that does
// not answer holds its transfer for some timeouts more: when ctx ends first, Close says so and they end by themselves.
func (s *Server) Close(ctx context.Context) error {
	s.cancel()
	s.once.Do(func() { go s.wake() })
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("tftp: close: transfers still wait for their peers: %w", context.Cause(ctx))
	}
}

// serve ends after requests has shut the library down.
func (s *Server) serve() {
	if err := s.tftp.Serve(s.conn); err != nil {
		s.config.Log.Error("tftp server stopped", "listen", s.config.Listen, "error", err)
	}
	s.tree.Close()
	close(s.done)
}

// requests is told by the library of packets that are no request, in the goroutine that reads requests, and of
// transfers, which name their peer, in theirs.
type requests struct{ s *Server }

func (requests) OnSuccess(tftp.TransferStats) {}

// OnFailure shuts the library down once the server closes. It does so in the goroutine that starts the transfers: anywhere
// else, the library would start one and wait for all at the same time, which sync.WaitGroup punishes with a panic.
func (r requests) OnFailure(stats tftp.TransferStats, _ error) {
	if stats.RemoteAddr == nil && r.s.ctx.Err() != nil {
		r.s.tftp.Shutdown()
	}
}

// wake sends the server packets that are no request until it notices that it is closed.
func (s *Server) wake() {
	to := s.addr
	if to.Addr().IsUnspecified() {
		to = netip.AddrPortFrom(netip.IPv6Loopback(), to.Port())
		if s.addr.Addr().Unmap().Is4() {
			to = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), to.Port())
		}
	}
	for {
		_, err := s.conn.WriteToUDPAddrPort([]byte{0}, to)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		select {
		case <-s.done:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func largestBlock(listen netip.Addr) int {
	if listen.Unmap().IsLoopback() {
		return 65464 // RFC 2348
	}
	return 1448
}

func listen(address string) (*net.UDPConn, error) {
	addr, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, fmt.Errorf("tftp: listen address %q: %w", address, err)
	}
	conn, err := net.ListenUDP("udp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("tftp: %s is in use by another program: stop it or change tftp_listen", address)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("tftp: %s needs the right to bind a port below 1024: grant CAP_NET_BIND_SERVICE or change tftp_listen", address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("tftp: %s is no address of this machine: change tftp_listen", address)
	case err != nil:
		return nil, fmt.Errorf("tftp: %w", err)
	}
	return conn, nil
}

package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// The words on a connection that is parked: its client says at which address (a byte of length, and as many bytes), the daemon answers
// with a byte 0, or with a byte 1, a byte of length and the reason why not. Then nobody says anything before the daemon's handshake.
const maxReason = 200

func readAddress(r io.Reader) (string, error) {
	text, err := readText(r)
	if err == nil && !isClient(text) {
		err = errors.New("a connection to park at no address of a client")
	}
	return text, err
}

func readText(r io.Reader) (string, error) {
	var length [1]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return "", err
	}
	text := make([]byte, length[0])
	_, err := io.ReadFull(r, text)
	return string(text), err
}

func answerAddress(w io.Writer, reason string) error {
	if reason == "" {
		_, err := w.Write([]byte{0})
		return err
	}
	reason = reason[:min(len(reason), maxReason)]
	_, err := w.Write(append([]byte{1, byte(len(reason))}, reason...))
	return err
}

// parking is a client's side: it keeps one connection parked at the daemon, and when the daemon takes it, joins it to the port where
// the client's own actor system listens.
type parking struct {
	server  string // HOST:PORT of the daemon
	config  func() *tls.Config
	address string // ours
	local   func() string

	wg sync.WaitGroup
}

// Times of a client that parks.
const (
	parkTime = 10 * time.Second // to be let in
	parkWait = 200 * time.Millisecond
	parkMost = 3 * time.Second // between two tries

	parkTries = 5 // of the first connection
	parkPause = 20 * time.Millisecond
)

// park opens one connection and leaves it to the daemon.
func (p *parking) park(ctx context.Context) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, parkTime)
	defer cancel()
	raw, err := (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext(ctx, "tcp", p.server)
	if err != nil {
		return nil, err
	}
	config := p.config().Clone()
	config.NextProtos = []string{protoPark}
	conn := tls.Client(raw, config)
	defer context.AfterFunc(ctx, func() { raw.Close() })()
	if err = conn.HandshakeContext(ctx); err == nil {
		if _, err = conn.Write(append([]byte{byte(len(p.address))}, p.address...)); err == nil {
			err = readAnswer(conn)
		}
	}
	if err != nil {
		raw.Close()
		return nil, err
	}
	return conn, nil
}

// begin parks the first connection. A daemon with too many strangers before its door may have cut off this one: it knocks again.
func (p *parking) begin(ctx context.Context) (*tls.Conn, error) {
	for try := 1; ; try++ {
		conn, err := p.park(ctx)
		if err == nil || try == parkTries || !cutOff(err) || ctx.Err() != nil {
			return conn, err
		}
		pause(ctx, time.Duration(try)*parkPause)
	}
}

// cutOff says whether a connection ended without a word.
func cutOff(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func readAnswer(r io.Reader) error {
	var yes [1]byte
	if _, err := io.ReadFull(r, yes[:]); err != nil {
		return err
	}
	if yes[0] == 0 {
		return nil
	}
	reason, err := readText(r)
	if err != nil {
		return err
	}
	return fmt.Errorf("the daemon refuses %.*q", maxReason, reason)
}

// run joins the connection that is parked when it is taken, and parks the next one, until ctx ends.
func (p *parking) run(ctx context.Context, conn *tls.Conn) {
	defer p.wg.Wait()
	wait := parkWait
	for ctx.Err() == nil {
		if conn == nil {
			var err error
			if conn, err = p.park(ctx); err != nil {
				pause(ctx, wait)
				wait = min(2*wait, parkMost)
				continue
			}
			wait = parkWait
		}
		if first, ok := awaitTaken(ctx, conn); ok {
			taken := conn
			p.wg.Go(func() { p.join(ctx, taken, first) })
		} else {
			conn.Close()
			pause(ctx, wait)
		}
		conn = nil
	}
}

func awaitTaken(ctx context.Context, conn *tls.Conn) (first []byte, ok bool) {
	defer context.AfterFunc(ctx, func() { conn.NetConn().Close() })()
	b := make([]byte, 1)
	n, err := conn.Read(b)
	return b, n == 1 && err == nil
}

// join carries bytes both ways until one side ends.
func (p *parking) join(ctx context.Context, daemon net.Conn, first []byte) {
	defer daemon.Close()
	local, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.local())
	if err != nil {
		return
	}
	defer local.Close()
	defer context.AfterFunc(ctx, func() { local.Close(); daemon.Close() })()
	if _, err := local.Write(first); err != nil {
		return
	}
	back := make(chan struct{})
	go func() {
		defer close(back)
		defer local.Close()
		defer daemon.Close()
		_, _ = io.Copy(daemon, local)
	}()
	_, _ = io.Copy(local, daemon)
	local.Close()
	daemon.Close()
	<-back
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

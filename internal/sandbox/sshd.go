package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// banner is what the ssh port of a user's system says before it hangs up.
const banner = "SSH-2.0-sandbox\r\n"

// sshd answers on the ssh port of a machine, for probes.
type sshd struct{ listener net.Listener }

func (m *machine) openSSHD(ctx context.Context) (*sshd, error) {
	address := netip.AddrPortFrom(m.node.Addr, uint16(m.node.SSHPort)).String()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("init: sshd: %w", err)
	}
	m.console.printf("init: sshd listens on %s", address)
	return &sshd{listener}, nil
}

// Bounds of the guests, as an ssh server has them: at once, and until they log in, which nobody can here.
const (
	maxGuests  = 64
	loginGrace = 2 * time.Minute
)

// serve greets guests until the context ends. Then it closes the port and their connections: that a system is gone shows
// on them.
func (s *sshd) serve(ctx context.Context) error {
	defer s.listener.Close()
	defer context.AfterFunc(ctx, func() { s.listener.Close() })()
	var guests sync.WaitGroup
	defer guests.Wait()
	seats := make(chan struct{}, maxGuests)
	for {
		conn, err := s.listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return ctx.Err()
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // out of descriptors: the daemon's trouble, not the machine's end
			if err := pause(ctx, 100*time.Millisecond); err != nil {
				return err
			}
			continue
		}
		select {
		case seats <- struct{}{}:
			guests.Go(func() {
				defer func() { <-seats }()
				greet(ctx, conn)
			})
		default:
			conn.Close()
		}
	}
}

// greet says who it is and listens to nobody.
func greet(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	conn.SetDeadline(time.Now().Add(loginGrace))
	if _, err := io.WriteString(conn, banner); err != nil {
		return
	}
	io.Copy(io.Discard, conn)
}

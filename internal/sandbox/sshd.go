package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
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

// serve answers until the context ends, and closes the port.
func (s *sshd) serve(ctx context.Context) error {
	defer s.listener.Close()
	defer context.AfterFunc(ctx, func() { s.listener.Close() })()
	for {
		conn, err := s.listener.Accept()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // out of descriptors: the daemon's trouble, not the machine's end
			if err := pause(ctx, 100*time.Millisecond); err != nil {
				return err
			}
			continue
		}
		conn.SetWriteDeadline(time.Now().Add(time.Second))
		io.WriteString(conn, banner)
		conn.Close()
	}
}

package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"
)

// System is the operating system that ran on a node when it was held: an open connection to its ssh port, which does not
// survive it. Without it a node that has not gone down yet looks like one that is up again.
//
// An ssh server closes a connection that nobody logs in on, OpenSSH after two minutes: a system that takes longer to go
// down is then taken for gone. The nil System was never there. Its methods belong to one goroutine.
type System struct{ conn net.Conn }

// dead bounds how long a machine that lost its power, and so said no goodbye, is taken for running: a probe after a
// second of silence, then three more.
var dead = net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: 3}

// Hold connects to the ssh port of a node, within a second. It returns nil when nothing answers: then nothing can be
// taken for up by mistake.
func Hold(ctx context.Context, addr netip.Addr, sshPort int) *System {
	d := net.Dialer{Timeout: connectTimeout, KeepAliveConfig: dead}
	conn, err := d.DialContext(ctx, "tcp", netip.AddrPortFrom(addr, uint16(sshPort)).String())
	if err != nil {
		return nil
	}
	return &System{conn}
}

// Gone says whether the system that was held has gone down. It does not wait.
func (s *System) Gone() bool {
	if s == nil {
		return true
	}
	var banner [256]byte
	for {
		if s.conn.SetReadDeadline(time.Now().Add(time.Millisecond)) != nil {
			return true
		}
		if _, err := s.conn.Read(banner[:]); err != nil {
			return !errors.Is(err, os.ErrDeadlineExceeded)
		}
	}
}

// Release forgets the system.
func (s *System) Release() {
	if s != nil {
		s.conn.Close()
	}
}

package agent

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
)

// marker is the open port that tells a probe: this is the deployment system. It accepts and hangs up.
type marker struct {
	listener net.Listener
	done     sync.WaitGroup
}

func openMarker(addr netip.Addr, port int) (*marker, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(addr.String(), strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("open the marker port: %w", err)
	}
	m := &marker{listener: l}
	m.done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	})
	return m, nil
}

func (m *marker) close() {
	m.listener.Close()
	m.done.Wait()
}

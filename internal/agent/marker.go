package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// marker is the open port that tells a probe: this is the deployment system. It accepts and hangs up.
type marker struct {
	listener net.Listener
	done     sync.WaitGroup
}

const (
	markerWait = 20 * time.Second // for an agent that is just leaving the same running system
	markerPoll = 200 * time.Millisecond
)

func openMarker(ctx context.Context, addr netip.Addr, port int) (*marker, error) {
	l, err := listenWhenFree(ctx, net.JoinHostPort(addr.String(), strconv.Itoa(port)))
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

// listenWhenFree waits for a port that somebody holds.
func listenWhenFree(ctx context.Context, address string) (net.Listener, error) {
	ctx, cancel := context.WithTimeout(ctx, markerWait)
	defer cancel()
	for {
		l, err := net.Listen("tcp", address)
		if !errors.Is(err, unix.EADDRINUSE) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(markerPoll):
		}
	}
}

func (m *marker) close() {
	m.listener.Close()
	m.done.Wait()
}

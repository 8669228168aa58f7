package agentlink

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/netutil"
)

func listen(address string) (net.Listener, error) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, fmt.Errorf("agents: listen on %q: want ADDRESS:PORT", address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err
		}
		return nil, fmt.Errorf("agents: listen on %s: %w", address, err)
	}
	return netutil.LimitListener(l, maxConnections), nil
}

// Addr is where agents call.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// AddrFor is where the agent of a node calls, an address and a port. A server that listens on every address of its machine names the one
// that the node's answers come to.
func (s *Server) AddrFor(node netip.Addr) (string, error) {
	at, err := netip.ParseAddrPort(s.listener.Addr().String())
	if err != nil {
		return "", fmt.Errorf("agents: the address %s: %w", s.listener.Addr(), err)
	}
	if !at.Addr().IsUnspecified() {
		return at.String(), nil
	}
	own, err := Outward(node)
	return netip.AddrPortFrom(own, at.Port()).String(), err
}

// Outward is the address of this machine that a node sees: the one from which the kernel would send to it. Nothing is sent.
func Outward(node netip.Addr) (netip.Addr, error) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(node, 9)))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("no way from this machine to %s: %w", node, err)
	}
	defer conn.Close()
	own := conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr()
	return own.Unmap(), nil
}

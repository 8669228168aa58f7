package link

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// maxAddress bounds an address as peers write it: "127.255.255.255:65535" and "[::1]:65535" are shorter.
const maxAddress = 32

// peerAddress tells whether text is the address of a process on this machine, written in the one way that is compared with others.
func peerAddress(text string) bool {
	if len(text) > maxAddress {
		return false
	}
	a, err := netip.ParseAddrPort(text)
	return err == nil && a.Addr().IsLoopback() && !a.Addr().Is4In6() && a.Addr().Zone() == "" && a.Port() != 0 && a.String() == text
}

// dialLoopback refuses every address but loopback, so that a peer cannot make this process dial elsewhere.
func dialLoopback(ctx context.Context, address string) (net.Conn, error) {
	if _, _, err := loopback(address); err != nil {
		return nil, err
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

// loopback splits address and refuses what is not on this machine.
func loopback(address string) (string, int, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("%q is no HOST:PORT address", address)
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("%q: the port is no number from 0 to 65535", address)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return "", 0, fmt.Errorf("%q is not on this machine: remote access needs authentication, which this version does not have; use 127.0.0.1", address)
	}
	return host, port, nil
}

func reason(err error) error {
	if op, ok := err.(*net.OpError); ok && op.Err != nil {
		return op.Err
	}
	return err
}

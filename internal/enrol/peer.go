package enrol

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

// peer is who is at the other end, as far as the kernel knows.
type peer struct {
	local bool // on a unix socket
	uid   uint32
	addr  netip.Addr
}

// key is what counts as one: a user, an IPv4 address, or an IPv6 network of 64 bits, of which everybody has all addresses.
func (p peer) key() string {
	switch {
	case p.local:
		return "uid " + strconv.FormatUint(uint64(p.uid), 10)
	case p.addr.Is6():
		if prefix, err := p.addr.WithZone("").Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return p.addr.String()
}

func (p peer) String() string {
	if p.local {
		return p.key()
	}
	return p.addr.String()
}

// peerOfConn asks the kernel. The credentials of a unix socket are those of who connected, at that time.
func peerOfConn(c net.Conn) (peer, error) {
	socket, ok := c.(*net.UnixConn)
	if !ok {
		return peerOfAddr(c.RemoteAddr().String())
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return peer{}, err
	}
	var cred *unix.Ucred
	failed := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if failed != nil {
		return peer{}, failed
	}
	if err != nil {
		return peer{}, err
	}
	return peer{local: true, uid: cred.Uid}, nil
}

func peerOfAddr(text string) (peer, error) {
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return peer{}, fmt.Errorf("not an address of the network: %q", text)
	}
	return peer{addr: at.Addr().Unmap()}, nil
}

type peerKey struct{}

// connContext is for http.Server.ConnContext: it keeps the credentials of a unix socket for its requests.
func connContext(ctx context.Context, c net.Conn) context.Context {
	if g, ok := c.(*guest); ok {
		return context.WithValue(ctx, peerKey{}, g.peer)
	}
	return ctx
}

// peerOf is who sent a request. On a connection of another server than ours nobody is local.
func peerOf(r *http.Request) (peer, error) {
	if p, ok := r.Context().Value(peerKey{}).(peer); ok {
		return p, nil
	}
	return peerOfAddr(r.RemoteAddr)
}

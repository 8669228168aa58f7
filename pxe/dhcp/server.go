package dhcp

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

	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"
)

// Config of a server. The address and the network of Site come from the interface, its TFTP address too when it has none.
type Config struct {
	Interface string
	Site      Site
	Log       *slog.Logger
}

// Bounds: requests a second that are looked at, all machines together, and the length of one.
const (
	maxRate   = 2000
	maxPacket = 1500
)

// Server answers until it is closed.
type Server struct {
	site  Site
	log   *slog.Logger
	limit *rate.Limiter
	conns []*net.UDPConn
	wg    sync.WaitGroup
}

// Start binds the ports on the interface and answers. Its error is one line that says what to change.
func Start(c Config) (*Server, error) {
	s := &Server{site: c.Site, log: cmp.Or(c.Log, slog.New(slog.DiscardHandler)), limit: rate.NewLimiter(maxRate, maxRate)}
	network, err := networkOf(c.Interface)
	if err != nil {
		return nil, err
	}
	s.site.Server, s.site.Network = network.Addr(), network.Masked()
	if !s.site.TFTP.Is4() || s.site.TFTP.IsUnspecified() {
		s.site.TFTP = s.site.Server
	}
	for _, port := range []uint16{serverPort, bootPort} {
		conn, err := listen(c.Interface, port)
		if err != nil {
			return nil, errors.Join(err, s.Close(context.Background()))
		}
		s.conns = append(s.conns, conn)
		s.wg.Go(func() { s.serve(conn, port) })
	}
	return s, nil
}

// Close frees the ports. No answer is under way when it returns.
func (s *Server) Close(context.Context) error {
	for _, c := range s.conns {
		c.Close()
	}
	s.wg.Wait()
	return nil
}

func (s *Server) serve(conn *net.UDPConn, port uint16) {
	buf := make([]byte, maxPacket)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.log.Warn("dhcp: receive", "error", err)
			continue
		case !s.limit.Allow():
			continue
		}
		m, err := dhcpv4.FromBytes(buf[:n])
		if err != nil {
			s.log.Debug("dhcp: not understood", "from", from, "error", err)
			continue
		}
		s.answer(conn, m, port, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
	}
}

func (s *Server) answer(conn *net.UDPConn, m *dhcpv4.DHCPv4, port uint16, from netip.AddrPort) {
	reply, why := s.site.Answer(m, port, from)
	log := s.log.With("machine", m.ClientHWAddr.String(), "request", m.MessageType().String())
	if why != "" && why != "unknown machine" {
		log.Warn("dhcp: " + why)
	}
	if reply == nil {
		log.Debug("dhcp: no answer", "why", why)
		return
	}
	if _, err := conn.WriteToUDPAddrPort(reply.Packet.ToBytes(), reply.To); err != nil {
		log.Warn("dhcp: send", "to", reply.To, "error", err)
		return
	}
	log.Debug("dhcp: answered", "answer", reply.Packet.MessageType().String(), "to", reply.To, "address", reply.Packet.YourIPAddr, "file", reply.Packet.BootFileName)
}

// networkOf is the first IPv4 address of an interface with its network.
func networkOf(name string) (netip.Prefix, error) {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("dhcp: no network interface %q here: change dhcp_interface", name)
	}
	addrs, err := device.Addrs()
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("dhcp: addresses of %s: %w", name, err)
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
			return p, nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("dhcp: %s has no IPv4 address: give it one or change dhcp_interface", name)
}

// listen binds a port on one interface, for itself: a second server there is an error and not a race.
func listen(device string, port uint16) (*net.UDPConn, error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var bound error
		err := raw.Control(func(fd uintptr) { bound = unix.BindToDevice(int(fd), device) })
		return errors.Join(err, bound)
	}}
	conn, err := config.ListenPacket(context.Background(), "udp4", fmt.Sprintf(":%d", port))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("dhcp: port %d of %s is in use by another server: stop it, or set dhcp = off, or run this one on another machine with dhcp = proxy", port, device)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return nil, fmt.Errorf("dhcp: port %d of %s needs rights: grant CAP_NET_BIND_SERVICE and CAP_NET_RAW, or set dhcp = off", port, device)
	case err != nil:
		return nil, fmt.Errorf("dhcp: port %d of %s: %w", port, device, err)
	}
	return conn.(*net.UDPConn), nil
}

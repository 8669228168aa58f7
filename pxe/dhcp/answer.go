package dhcp

import (
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// Ports of DHCP and of a boot server (PXE specification, 2.2).
const (
	serverPort = 67
	clientPort = 68
	bootPort   = 4011
)

// lease is how long an address is good. It is the same machine's for ever; a system that runs must only ask again before the end.
const lease = 12 * time.Hour

// Reply is a packet and where it goes.
type Reply struct {
	Packet *dhcpv4.DHCPv4
	To     netip.AddrPort
}

// Answer is what a request gets: that came to the port, from an address. nil is nothing; why says the reason, for a log, and is "" where the
// request is just not ours.
func (s *Site) Answer(m *dhcpv4.DHCPv4, port uint16, from netip.AddrPort) (reply *Reply, why string) {
	if m.OpCode != dhcpv4.OpcodeBootRequest || len(m.ClientHWAddr) != 6 {
		return nil, ""
	}
	machine, known := s.Machine(m.ClientHWAddr)
	if !known {
		return nil, "unknown machine"
	}
	c := clientOf(m)
	switch kind := m.MessageType(); {
	case port == bootPort && kind == dhcpv4.MessageTypeRequest && c.class == pxeClass:
		return s.booting(m, machine, c, dhcpv4.MessageTypeAck, from)
	case port != serverPort:
		return nil, ""
	case s.Mode == Proxy && kind == dhcpv4.MessageTypeDiscover && c.class != "":
		return s.booting(m, machine, c, dhcpv4.MessageTypeOffer, destination(m))
	case s.Mode == Proxy:
		return nil, ""
	case kind == dhcpv4.MessageTypeDiscover:
		return s.leasing(m, machine, c, dhcpv4.MessageTypeOffer)
	case kind == dhcpv4.MessageTypeRequest:
		return s.request(m, machine, c)
	case kind == dhcpv4.MessageTypeInform:
		return s.inform(m, machine, c)
	case kind == dhcpv4.MessageTypeDecline:
		return nil, machine.Addr.String() + " is in use by another machine, says the node"
	}
	return nil, ""
}

// booting says what to boot, to a machine that has its address from another server or gets it there.
func (s *Site) booting(m *dhcpv4.DHCPv4, machine Machine, c client, kind dhcpv4.MessageType, to netip.AddrPort) (*Reply, string) {
	file, why := s.bootFile(machine, c)
	if why != "" {
		return nil, why
	}
	p := s.packet(m, kind)
	p.BootFileName = file
	p.UpdateOption(dhcpv4.OptClassIdentifier(c.class))
	if c.class == pxeClass {
		// Discovery control (sub-option 6), bit 3: boot the file that is named here, ask no boot server. Without option 43 a
		// firmware takes no offer with option 60 for valid.
		p.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionVendorSpecificInformation, []byte{6, 1, 8, 255}))
	}
	return &Reply{p, to}, ""
}

// leasing gives the machine its address, and says what to boot if that is what it asks for.
func (s *Site) leasing(m *dhcpv4.DHCPv4, machine Machine, c client, kind dhcpv4.MessageType) (*Reply, string) {
	if !s.Network.Contains(machine.Addr) {
		return nil, machine.Addr.String() + " is not in the network " + s.Network.String() + " of dhcp_interface"
	}
	p := s.packet(m, kind)
	p.YourIPAddr = machine.Addr.AsSlice()
	p.UpdateOption(dhcpv4.OptIPAddressLeaseTime(lease))
	why := s.describe(p, m, machine, c)
	return &Reply{p, destination(m)}, why
}

// request is the second half of getting an address, the renewal of one, or a system that believes it still has it (RFC 2131, 4.3.2).
func (s *Site) request(m *dhcpv4.DHCPv4, machine Machine, c client) (*Reply, string) {
	if chosen := m.ServerIdentifier(); chosen != nil && !chosen.Equal(s.Server.AsSlice()) {
		return nil, "" // it has chosen another server
	}
	wanted := m.RequestedIPAddress()
	if wanted == nil {
		wanted = m.ClientIPAddr
	}
	if !wanted.Equal(machine.Addr.AsSlice()) {
		p := s.packet(m, dhcpv4.MessageTypeNak)
		p.ServerIPAddr = net.IPv4zero
		to := destination(m)
		if m.GatewayIPAddr.IsUnspecified() {
			to = broadcast
		} else {
			p.SetBroadcast()
		}
		return &Reply{p, to}, "it wants " + wanted.String() + ", and its address is " + machine.Addr.String()
	}
	return s.leasing(m, machine, c, dhcpv4.MessageTypeAck)
}

// inform answers a machine that has its address and wants the rest (RFC 2131, 4.3.5).
func (s *Site) inform(m *dhcpv4.DHCPv4, machine Machine, c client) (*Reply, string) {
	p := s.packet(m, dhcpv4.MessageTypeAck)
	why := s.describe(p, m, machine, c)
	return &Reply{p, destination(m)}, why
}

// describe adds the network and the file to boot. An offer without option 60 is complete without option 43, too.
func (s *Site) describe(p, m *dhcpv4.DHCPv4, machine Machine, c client) (why string) {
	p.UpdateOption(dhcpv4.OptSubnetMask(net.CIDRMask(s.Network.Bits(), 32)))
	p.UpdateOption(dhcpv4.OptHostName(machine.Name))
	if s.Router.IsValid() {
		p.UpdateOption(dhcpv4.OptRouter(s.Router.AsSlice()))
	}
	if len(s.DNS) > 0 {
		var list []net.IP
		for _, a := range s.DNS {
			list = append(list, a.AsSlice())
		}
		p.UpdateOption(dhcpv4.OptDNS(list...))
	}
	if c.ipxe { // there is no other server to wait for (no-pxedhcp)
		p.UpdateOption(dhcpv4.OptGeneric(ipxeOptions, []byte{176, 1, 1}))
	}
	if c.class == "" {
		return ""
	}
	p.BootFileName, why = s.bootFile(machine, c)
	if c.class == httpClass {
		p.UpdateOption(dhcpv4.OptClassIdentifier(httpClass)) // or the firmware does not take the file for a URL
	}
	return why
}

// packet is an answer with what all have in common.
func (s *Site) packet(m *dhcpv4.DHCPv4, kind dhcpv4.MessageType) *dhcpv4.DHCPv4 {
	p, _ := dhcpv4.New( // its error is that there are no random bytes, for a number that WithReply replaces
		dhcpv4.WithReply(m), dhcpv4.WithGatewayIP(m.GatewayIPAddr), dhcpv4.WithMessageType(kind),
		dhcpv4.WithServerIP(s.TFTP.AsSlice()), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(s.Server.AsSlice())),
		dhcpv4.WithOptionCopied(m, dhcpv4.OptionClientMachineIdentifier), // RFC 4578, 2.3
		dhcpv4.WithOptionCopied(m, dhcpv4.OptionRelayAgentInformation),   // RFC 3046, 2.2
	)
	if kind != dhcpv4.MessageTypeNak && kind != dhcpv4.MessageTypeOffer {
		p.ClientIPAddr = m.ClientIPAddr
	}
	return p
}

var broadcast = netip.AddrPortFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), clientPort)

// destination is the relay that has passed the request on, the machine itself where it can be reached, or everybody (RFC 2131, 4.1).
func destination(m *dhcpv4.DHCPv4) netip.AddrPort {
	if relay, ok := netip.AddrFromSlice(m.GatewayIPAddr.To4()); ok && !relay.IsUnspecified() {
		return netip.AddrPortFrom(relay, serverPort)
	}
	if own, ok := netip.AddrFromSlice(m.ClientIPAddr.To4()); ok && !own.IsUnspecified() {
		return netip.AddrPortFrom(own, clientPort)
	}
	return broadcast
}

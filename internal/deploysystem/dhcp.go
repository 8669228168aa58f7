package deploysystem

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/vishvananda/netlink"
)

const (
	firstWait  = 500 * time.Millisecond // for an answer; doubled by the client with each of its tries
	tries      = 4                      // until somebody is told that nobody answers
	retryPause = 2 * time.Second
	shortLease = time.Minute // a shorter one is taken for one of this length
)

// dhcp asks for addresses of one card (RFC 2131).
type dhcp struct{ link netlink.Link }

// obtain asks until there is an address, and gives it to the card.
func (d dhcp) obtain(ctx context.Context) *lease {
	name := d.link.Attrs().Name
	for told := false; ; {
		l, err := d.ask(ctx, nil)
		if err == nil {
			err = l.apply(d.link)
		}
		if err == nil {
			say("%s: %v by the DHCP server %v", name, l.address, l.server)
			return l
		}
		if !told {
			say("%s: no address: %v; asking on", name, err)
			told = true
		}
		time.Sleep(retryPause/2 + rand.N(retryPause)) // those who booted together shall not ask together
	}
}

// ask asks for an address, or for more time with the one that old is of.
func (d dhcp) ask(ctx context.Context, old *lease) (*lease, error) {
	client, err := nclient4.New(d.link.Attrs().Name, nclient4.WithTimeout(firstWait), nclient4.WithRetry(tries))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	options := []dhcpv4.Modifier{
		dhcpv4.WithOption(dhcpv4.OptClientIdentifier(append([]byte{1}, d.link.Attrs().HardwareAddr...))), // as iPXE: the same address as before
		dhcpv4.WithRequestedOptions(dhcpv4.OptionSubnetMask, dhcpv4.OptionRouter, dhcpv4.OptionDomainNameServer, dhcpv4.OptionDomainName,
			dhcpv4.OptionHostName, dhcpv4.OptionInterfaceMTU, dhcpv4.OptionIPAddressLeaseTime, dhcpv4.OptionClasslessStaticRoute),
	}
	var got *nclient4.Lease
	if old == nil {
		got, err = client.Request(ctx, options...)
	} else {
		got, err = client.Renew(ctx, old.raw, options...)
	}
	if err != nil {
		return nil, err
	}
	return readLease(got)
}

// keep renews a lease at half its time, and asks for a new one when it is over (RFC 2131 4.4.5). The old address stays until there is
// another: nothing is won by a node without one.
func (d dhcp) keep(ctx context.Context, l *lease) {
	name := d.link.Attrs().Name
	for {
		until := time.Now().Add(l.length)
		time.Sleep(l.length / 2)
		renewed, err := d.ask(ctx, l)
		for err != nil && time.Now().Before(until) {
			time.Sleep(min(time.Until(until), l.length/8))
			renewed, err = d.ask(ctx, l)
		}
		if err != nil {
			say("%s: the lease of %v is over: %v", name, l.address, err)
			renewed = d.obtain(ctx)
		}
		if renewed.address != l.address {
			say("%s: the address has changed from %v to %v; the server knows the old one", name, l.address, renewed.address)
		}
		l = renewed
	}
}

// lease is an address for a time.
type lease struct {
	raw     *nclient4.Lease
	address netip.Prefix
	router  netip.Addr // the zero Addr: none
	routes  dhcpv4.Routes
	server  netip.Addr // who gave it
	names   []netip.Addr
	domain  string
	host    string
	mtu     int
	length  time.Duration
}

// readLease takes what is of use out of an answer.
func readLease(raw *nclient4.Lease) (*lease, error) {
	ack := raw.ACK
	address, ok := netip.AddrFromSlice(ack.YourIPAddr.To4())
	if !ok || address.IsUnspecified() {
		return nil, fmt.Errorf("an answer without an address")
	}
	bits, _ := ack.SubnetMask().Size()
	if ack.SubnetMask() == nil || bits == 0 {
		bits = 24
	}
	l := &lease{
		raw: raw, address: netip.PrefixFrom(address, bits),
		routes: ack.ClasslessStaticRoute(), domain: ack.DomainName(), host: ack.HostName(),
		length: max(ack.IPAddressLeaseTime(24*time.Hour), shortLease),
	}
	l.server, _ = netip.AddrFromSlice(ack.ServerIdentifier().To4())
	if routers := ack.Router(); len(routers) > 0 {
		l.router, _ = netip.AddrFromSlice(routers[0].To4())
	}
	for _, ip := range ack.DNS() {
		if a, ok := netip.AddrFromSlice(ip.To4()); ok {
			l.names = append(l.names, a)
		}
	}
	if mtu, err := dhcpv4.GetUint16(dhcpv4.OptionInterfaceMTU, ack.Options); err == nil {
		l.mtu = int(mtu)
	}
	return l, nil
}

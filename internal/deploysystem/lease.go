package deploysystem

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	minMTU      = 576  // RFC 2132 5.1 allows 68, with which nothing works
	routeMetric = 1000 // of default routes; the card's number is added, so that each has its own
)

// apply gives the card the address, its routes and the size of its packets. A route that the kernel does not take is no error: the server
// may be reached without it.
func (l *lease) apply(link netlink.Link) error {
	index := link.Attrs().Index
	if l.mtu >= minMTU {
		if err := netlink.LinkSetMTU(link, l.mtu); err != nil {
			say("%s: MTU %d: %v", link.Attrs().Name, l.mtu, err)
		}
	}
	address := &net.IPNet{IP: l.address.Addr().AsSlice(), Mask: net.CIDRMask(l.address.Bits(), 32)}
	if err := netlink.AddrReplace(link, &netlink.Addr{IPNet: address}); err != nil {
		return fmt.Errorf("address %v: %w", l.address, err)
	}
	for _, r := range l.routesOf(index) {
		if err := netlink.RouteReplace(&r); err != nil {
			say("%s: route to %v by %v: %v", link.Attrs().Name, r.Dst, r.Gw, err)
		}
	}
	return nil
}

// routesOf are the routes of the lease. Those of option 121 replace the router of option 3 (RFC 3442).
func (l *lease) routesOf(index int) []netlink.Route {
	metric := routeMetric + index
	if len(l.routes) == 0 {
		if !l.router.IsValid() {
			return nil
		}
		// The router may lie outside of the network of the address, as with addresses of 32 bits.
		return []netlink.Route{{LinkIndex: index, Gw: l.router.AsSlice(), Priority: metric, Flags: int(netlink.FLAG_ONLINK)}}
	}
	var routes []netlink.Route
	for _, r := range l.routes {
		route := netlink.Route{LinkIndex: index, Dst: r.Dest, Priority: metric}
		if r.Router.IsUnspecified() {
			route.Scope = netlink.SCOPE_LINK
		} else {
			route.Gw, route.Flags = r.Router, int(netlink.FLAG_ONLINK)
		}
		routes = append(routes, route)
	}
	return routes
}

// routeTo is a route to one host, by the router of the longest prefix that has it in.
func (l *lease) routeTo(host netip.Addr, index int) (best netlink.Route, ok bool) {
	longest := -1
	for _, r := range l.routesOf(index) {
		bits := 0 // a default route
		if r.Dst != nil {
			bits, _ = r.Dst.Mask.Size()
		}
		if (r.Dst == nil || r.Dst.Contains(host.AsSlice())) && bits > longest {
			best, longest = r, bits
		}
	}
	best.Dst, best.Priority = single(host), 0
	return best, longest >= 0
}

// introduce names the machine and its name servers, as this network has them.
func (l *lease) introduce(node string) {
	host := cmp.Or(l.host, node)
	if err := unix.Sethostname([]byte(host[:min(len(host), 64)])); err != nil {
		say("host name %q: %v", host, err)
	}
	var text strings.Builder
	if l.domain != "" && !strings.ContainsAny(l.domain, "\n\r") {
		fmt.Fprintln(&text, "search", l.domain)
	}
	for _, a := range l.names {
		fmt.Fprintln(&text, "nameserver", a)
	}
	if err := os.WriteFile("/etc/resolv.conf", []byte(text.String()), 0o644); err != nil {
		say("%v", err)
	}
}

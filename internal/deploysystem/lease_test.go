package deploysystem_test

import (
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/deploysystem"
)

var _ = Describe("the answer of a DHCP server", func() {
	answer := func(options ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
		GinkgoHelper()
		ack, err := dhcpv4.New(append([]dhcpv4.Modifier{
			dhcpv4.WithMessageType(dhcpv4.MessageTypeAck), dhcpv4.WithYourIP(net.IPv4(10, 0, 0, 7)), dhcpv4.WithNetmask(net.CIDRMask(22, 32)),
		}, options...)...)
		Expect(err).NotTo(HaveOccurred())
		return ack
	}
	read := func(options ...dhcpv4.Modifier) deploysystem.Lease {
		GinkgoHelper()
		l, err := deploysystem.ReadLease(answer(options...))
		Expect(err).NotTo(HaveOccurred())
		return l
	}
	network := func(text string) *net.IPNet {
		_, n, err := net.ParseCIDR(text)
		Expect(err).NotTo(HaveOccurred())
		return n
	}

	It("gives an address, a router, a time and the size of packets", func() {
		Expect(read(dhcpv4.WithLeaseTime(3600), dhcpv4.WithOption(dhcpv4.OptRouter(net.IPv4(10, 0, 0, 1), net.IPv4(10, 0, 0, 2))),
			dhcpv4.WithGeneric(dhcpv4.OptionInterfaceMTU, []byte{0x23, 0x28}))).To(Equal(deploysystem.Lease{
			Address: "10.0.0.7/22", Router: "10.0.0.1", Length: time.Hour, MTU: 9000, Routes: []string{"<nil> via 10.0.0.1"},
		}))
	})

	It("may give no router", func() {
		Expect(read().Routes).To(BeEmpty())
	})

	It("may give routes, which are then the only ones", func() {
		l := read(dhcpv4.WithOption(dhcpv4.OptRouter(net.IPv4(10, 0, 0, 1))), dhcpv4.WithOption(dhcpv4.OptClasslessStaticRoute(
			&dhcpv4.Route{Dest: network("172.16.0.0/12"), Router: net.IPv4(10, 0, 0, 2).To4()},
		)))
		Expect(l.Routes).To(Equal([]string{"172.16.0.0/12 via 10.0.0.2"}))
	})

	It("leads to the server by the most exact of its routes", func() {
		server := netip.MustParseAddr("172.16.1.9")
		router := dhcpv4.WithOption(dhcpv4.OptRouter(net.IPv4(10, 0, 0, 1)))
		routes := func(all ...*dhcpv4.Route) dhcpv4.Modifier {
			return dhcpv4.WithOption(dhcpv4.OptClasslessStaticRoute(all...))
		}
		wide := &dhcpv4.Route{Dest: network("0.0.0.0/0"), Router: net.IPv4(10, 0, 0, 2).To4()}
		exact := &dhcpv4.Route{Dest: network("172.16.1.0/24"), Router: net.IPv4(10, 0, 0, 3).To4()}
		other := &dhcpv4.Route{Dest: network("172.17.0.0/16"), Router: net.IPv4(10, 0, 0, 4).To4()}
		link := &dhcpv4.Route{Dest: network("172.16.0.0/16"), Router: net.IPv4zero.To4()}
		Expect(deploysystem.RouterTo(answer(router), server)).To(Equal("172.16.1.9/32 via 10.0.0.1"))
		Expect(deploysystem.RouterTo(answer(router, routes(wide, exact, other)), server)).To(Equal("172.16.1.9/32 via 10.0.0.3"))
		Expect(deploysystem.RouterTo(answer(router, routes(wide, other)), server)).To(Equal("172.16.1.9/32 via 10.0.0.2"))
		Expect(deploysystem.RouterTo(answer(router, routes(wide, link)), server)).To(Equal("172.16.1.9/32 by the link"))
		Expect(deploysystem.RouterTo(answer(router, routes(other)), server)).To(BeEmpty())
	})

	It("lasts a minute at least, and a day when it does not say", func() {
		Expect(read(dhcpv4.WithLeaseTime(1)).Length).To(Equal(time.Minute))
		Expect(read().Length).To(Equal(24 * time.Hour))
	})

	It("without an address is none", func() {
		_, err := deploysystem.ReadLease(answer(dhcpv4.WithYourIP(net.IPv4zero)))
		Expect(err).To(MatchError("an answer without an address"))
	})
})

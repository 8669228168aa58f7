package dhcp_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/pxe"
	"github.com/kadeploy/kadeploy/pxe/dhcp"
)

func TestDHCP(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "DHCP")
}

var (
	known, _   = net.ParseMAC("52:54:00:77:00:0b")
	unknown, _ = net.ParseMAC("52:54:00:77:00:ff")
	own        = netip.MustParseAddr("10.77.0.1")
	address    = netip.MustParseAddr("10.77.0.11")
)

func siteOf(mode dhcp.Mode, language pxe.Language) *dhcp.Site {
	return &dhcp.Site{
		Mode: mode, Server: own, TFTP: own, Network: netip.MustParsePrefix("10.77.0.0/24"), URL: "http://10.77.0.1:25302",
		Router: netip.MustParseAddr("10.77.0.254"), DNS: []netip.Addr{netip.MustParseAddr("10.77.0.53")},
		Machine: func(mac net.HardwareAddr) (dhcp.Machine, bool) {
			return dhcp.Machine{Name: "node-1.lab", Addr: address, Loader: pxe.Loader{Language: language}}, mac.String() == known.String()
		},
	}
}

// The words of a request.
func from(mac net.HardwareAddr) dhcpv4.Modifier { return dhcpv4.WithHwAddr(mac) }
func pxeROM(arch iana.Arch) dhcpv4.Modifier {
	return func(d *dhcpv4.DHCPv4) {
		d.UpdateOption(dhcpv4.OptClassIdentifier(fmt.Sprintf("PXEClient:Arch:%05d:UNDI:003016", arch)))
		d.UpdateOption(dhcpv4.OptClientArch(arch))
		d.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionClientMachineIdentifier, make([]byte, 17)))
	}
}
func ipxe() dhcpv4.Modifier { return dhcpv4.WithUserClass("iPXE", false) }
func httpBoot() dhcpv4.Modifier {
	return func(d *dhcpv4.DHCPv4) {
		d.UpdateOption(dhcpv4.OptClassIdentifier("HTTPClient:Arch:00016:UNDI:003001"))
		d.UpdateOption(dhcpv4.OptClientArch(iana.EFI_X86_64_HTTP))
	}
}
func wants(addr string) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.ParseIP(addr)))
}
func chose(addr string) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.ParseIP(addr)))
}

func request(kind dhcpv4.MessageType, with ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	GinkgoHelper()
	m, err := dhcpv4.New(append([]dhcpv4.Modifier{from(known), dhcpv4.WithMessageType(kind)}, with...)...)
	Expect(err).NotTo(HaveOccurred())
	again, err := dhcpv4.FromBytes(m.ToBytes()) // what comes over a network
	Expect(err).NotTo(HaveOccurred())
	return again
}

// told is an answer in a line: kind, address, file, the options of PXE, and where it goes.
func told(r *dhcp.Reply) string {
	if r == nil {
		return "nothing"
	}
	p := r.Packet
	words := []string{p.MessageType().String()}
	if !p.YourIPAddr.IsUnspecified() {
		words = append(words, p.YourIPAddr.String())
	}
	if p.BootFileName != "" {
		words = append(words, p.BootFileName)
	}
	if class := p.ClassIdentifier(); class != "" {
		words = append(words, "60="+class)
	}
	if p.Options.Has(dhcpv4.OptionVendorSpecificInformation) {
		words = append(words, fmt.Sprintf("43=%x", p.GetOneOption(dhcpv4.OptionVendorSpecificInformation)))
	}
	return strings.Join(append(words, "to", r.To.String()), " ")
}

const everybody = " to 255.255.255.255:68"

var _ = Describe("A request", func() {
	discover, ask := dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeRequest

	DescribeTable("is told what the machine's loader is, and what that one loads",
		func(language pxe.Language, want string, with ...dhcpv4.Modifier) {
			reply, why := siteOf(dhcp.Full, language).Answer(request(discover, with...), 67, netip.AddrPort{})
			Expect(why).To(BeEmpty())
			Expect(told(reply)).To(Equal("OFFER 10.77.0.11 " + want + everybody))
		},
		Entry("PXELINUX", pxe.PXELINUX, "pxelinux.0", pxeROM(0)),
		Entry("PXELINUX of a machine whose ROM is iPXE", pxe.PXELINUX, "pxelinux.0", pxeROM(0), ipxe()),
		Entry("iPXE, BIOS", pxe.IPXE, "undionly.kpxe", pxeROM(0)),
		Entry("iPXE, UEFI", pxe.IPXE, "snponly.efi", pxeROM(7)),
		Entry("iPXE, UEFI that says 9", pxe.IPXE, "snponly.efi", pxeROM(9)),
		Entry("iPXE that runs", pxe.IPXE, "http://10.77.0.1:25302/boot.ipxe", pxeROM(7), ipxe()),
		Entry("GRUB, BIOS", pxe.GRUB, "grub.pxe", pxeROM(0)),
		Entry("GRUB, UEFI", pxe.GRUB, "grubx64.efi", pxeROM(7)),
		Entry("iPXE, HTTP boot", pxe.IPXE, "http://10.77.0.1:25302/snponly.efi 60=HTTPClient", httpBoot()),
		Entry("GRUB, HTTP boot", pxe.GRUB, "http://10.77.0.1:25302/grubx64.efi 60=HTTPClient", httpBoot()),
	)

	DescribeTable("is answered beside another server with the file only, in the words that firmware takes for valid",
		func(want string, with ...dhcpv4.Modifier) {
			reply, why := siteOf(dhcp.Proxy, pxe.IPXE).Answer(request(discover, with...), 67, netip.AddrPort{})
			Expect(why).To(BeEmpty())
			Expect(told(reply)).To(Equal(want))
		},
		Entry("a BIOS", "OFFER undionly.kpxe 60=PXEClient 43=060108ff"+everybody, pxeROM(0)),
		Entry("iPXE", "OFFER http://10.77.0.1:25302/boot.ipxe 60=PXEClient 43=060108ff"+everybody, pxeROM(0), ipxe()),
		Entry("HTTP boot", "OFFER http://10.77.0.1:25302/snponly.efi 60=HTTPClient"+everybody, httpBoot()),
		Entry("a system that only wants an address", "nothing"),
	)

	It("at the port of boot servers is answered to where it comes from", func() {
		ovmf := netip.MustParseAddrPort("10.77.0.11:4011")
		reply, _ := siteOf(dhcp.Proxy, pxe.IPXE).Answer(request(ask, pxeROM(7)), 4011, ovmf)
		Expect(told(reply)).To(Equal("ACK snponly.efi 60=PXEClient 43=060108ff to 10.77.0.11:4011"))
		reply, _ = siteOf(dhcp.Proxy, pxe.IPXE).Answer(request(ask), 4011, ovmf)
		Expect(reply).To(BeNil(), "no machine that boots")
	})

	DescribeTable("for an address gets the node's own, or is told that it is wrong",
		func(kind dhcpv4.MessageType, want string, with ...dhcpv4.Modifier) {
			reply, _ := siteOf(dhcp.Full, pxe.IPXE).Answer(request(kind, with...), 67, netip.AddrPort{})
			Expect(told(reply)).To(Equal(want))
		},
		Entry("a system looks for servers", discover, "OFFER 10.77.0.11"+everybody),
		Entry("it chooses us", ask, "ACK 10.77.0.11"+everybody, wants("10.77.0.11"), chose("10.77.0.1")),
		Entry("it chooses another", ask, "nothing", wants("10.77.0.11"), chose("10.77.0.99")),
		Entry("it comes back with its address", ask, "ACK 10.77.0.11"+everybody, wants("10.77.0.11")),
		Entry("it comes back with another's", ask, "NAK"+everybody, wants("10.77.0.12")),
		Entry("it asks for none", ask, "NAK"+everybody),
		Entry("it renews", ask, "ACK 10.77.0.11 to 10.77.0.11:68", dhcpv4.WithClientIP(address.AsSlice())),
		Entry("it only wants the rest", dhcpv4.MessageTypeInform, "ACK to 10.77.0.11:68", dhcpv4.WithClientIP(address.AsSlice())),
		Entry("a relay passes it on", discover, "OFFER 10.77.0.11 to 10.77.0.254:67", dhcpv4.WithGatewayIP(net.ParseIP("10.77.0.254"))),
		Entry("it gives its address back", dhcpv4.MessageTypeRelease, "nothing"),
		Entry("a machine that nobody knows", discover, "nothing", from(unknown)),
	)

	It("is answered with the network, our name for it, and no wait for iPXE", func() {
		reply, _ := siteOf(dhcp.Full, pxe.IPXE).Answer(request(discover, pxeROM(0), ipxe()), 67, netip.AddrPort{})
		p := reply.Packet
		Expect(p.SubnetMask().String()).To(Equal("ffffff00"))
		Expect(p.Router()[0].String()).To(Equal("10.77.0.254"))
		Expect(p.DNS()[0].String()).To(Equal("10.77.0.53"))
		Expect(p.HostName()).To(Equal("node-1.lab"))
		Expect(p.ServerIPAddr.String()).To(Equal("10.77.0.1"))
		Expect(p.ServerIdentifier().String()).To(Equal("10.77.0.1"))
		Expect(p.GetOneOption(dhcpv4.GenericOptionCode(175))).To(Equal([]byte{176, 1, 1}))
		Expect(p.GetOneOption(dhcpv4.OptionClientMachineIdentifier)).To(HaveLen(17), "the firmware's UUID comes back")
	})

	DescribeTable("that cannot be served says why to the log",
		func(change func(*dhcp.Site), language pxe.Language, want string, with ...dhcpv4.Modifier) {
			site := siteOf(dhcp.Full, language)
			change(site)
			_, why := site.Answer(request(discover, with...), 67, netip.AddrPort{})
			Expect(why).To(ContainSubstring(want))
		},
		Entry("UEFI, but PXELINUX", func(*dhcp.Site) {}, pxe.PXELINUX, "PXELINUX is for a BIOS", pxeROM(7)),
		Entry("another processor", func(*dhcp.Site) {}, pxe.IPXE, "no loader for machines of type", pxeROM(11)),
		Entry("iPXE, but no HTTP", func(s *dhcp.Site) { s.URL = "" }, pxe.IPXE, "set http_listen", pxeROM(0), ipxe()),
		Entry("an address of another network", func(s *dhcp.Site) { s.Network = netip.MustParsePrefix("10.88.0.0/24") }, pxe.IPXE, "not in the network 10.88.0.0/24"),
	)
})

func FuzzAnswer(f *testing.F) {
	m, err := dhcpv4.New(from(known), dhcpv4.WithMessageType(dhcpv4.MessageTypeDiscover), pxeROM(0), ipxe())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.ToBytes(), true)
	// Whatever comes, the answer is to a machine we know, with its address or none.
	f.Fuzz(func(t *testing.T, packet []byte, full bool) {
		m, err := dhcpv4.FromBytes(packet)
		if err != nil {
			return
		}
		mode := dhcp.Proxy
		if full {
			mode = dhcp.Full
		}
		for _, port := range []uint16{67, 4011} {
			reply, _ := siteOf(mode, pxe.IPXE).Answer(m, port, netip.MustParseAddrPort("10.77.0.11:68"))
			if reply == nil {
				continue
			}
			if m.ClientHWAddr.String() != known.String() {
				t.Fatalf("answered %s", m.ClientHWAddr)
			}
			if your := reply.Packet.YourIPAddr; !your.IsUnspecified() && !your.Equal(address.AsSlice()) {
				t.Fatalf("gave %s", your)
			}
			_ = reply.Packet.ToBytes()
		}
	})
}

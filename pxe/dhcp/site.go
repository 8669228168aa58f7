package dhcp

import (
	"net"
	"net/netip"
	"slices"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"

	"github.com/kadeploy/kadeploy/pxe"
	"github.com/kadeploy/kadeploy/pxe/loaders"
)

// Mode is what a server answers.
type Mode string

// The modes: Proxy only says what to boot, beside a server that gives addresses; Full gives addresses, too.
const (
	Proxy Mode = "proxy"
	Full  Mode = "full"
)

// Machine is who may be answered.
type Machine struct {
	Name   string
	Addr   netip.Addr
	Loader pxe.Loader
}

// Site is all that answers depend on.
type Site struct {
	Mode    Mode
	Server  netip.Addr   // our own address, which machines see
	Network netip.Prefix // of the machines; Full gives addresses of it only
	TFTP    netip.Addr
	URL     string     // of the TFTP root over HTTP, no slash at its end; "": none
	Router  netip.Addr // zero: none
	DNS     []netip.Addr
	// Machine finds a machine by its hardware address.
	Machine func(net.HardwareAddr) (Machine, bool)
}

// client is what a request says of who asks.
type client struct {
	class string // first word of option 60: PXEClient, HTTPClient, or "" for a system that only wants an address
	ipxe  bool
	arch  iana.Arch
}

func clientOf(m *dhcpv4.DHCPv4) client {
	var c client
	for _, class := range []string{pxeClass, httpClass} {
		if id := m.ClassIdentifier(); len(id) >= len(class) && id[:len(class)] == class {
			c.class = class
		}
	}
	c.ipxe = m.Options.Has(ipxeOptions) || slices.Contains(m.UserClass(), "iPXE")
	if archs := m.ClientArch(); len(archs) > 0 {
		c.arch = archs[0]
	}
	return c
}

const (
	pxeClass  = "PXEClient"
	httpClass = "HTTPClient"
)

// ipxeOptions carries iPXE's own options, in requests and answers (its number is of those that sites may use).
var ipxeOptions = dhcpv4.GenericOptionCode(175)

// bootFile is what a machine loads next, or why there is nothing for it. A loader that asks again must be told something else, or it
// would load itself for ever: iPXE gets its script.
func (s *Site) bootFile(m Machine, c client) (file, why string) {
	uefi := c.arch == iana.EFI_X86_64 || c.arch == iana.EFI_BC || c.arch == iana.EFI_X86_64_HTTP
	if !uefi && c.arch != iana.INTEL_X86PC {
		return "", "no loader for machines of type " + c.arch.String()
	}
	switch {
	case m.Loader.Language == pxe.IPXE && c.ipxe:
		return s.overHTTP(pxe.FirstStage)
	case m.Loader.Language == pxe.IPXE && uefi:
		file = loaders.IPXEUEFI
	case m.Loader.Language == pxe.IPXE:
		file = loaders.IPXEBIOS
	case m.Loader.Language == pxe.GRUB && uefi:
		file = loaders.GRUBUEFI
	case m.Loader.Language == pxe.GRUB:
		file = loaders.GRUBBIOS
	case uefi:
		return "", "PXELINUX is for a BIOS, and it has UEFI: set firmware = uefi, and pxe_kind = ipxe or grub"
	default:
		file = loaders.PXELINUX
	}
	if c.class == httpClass {
		return s.overHTTP(file)
	}
	return file, ""
}

func (s *Site) overHTTP(file string) (string, string) {
	if s.URL == "" {
		return "", "it boots over HTTP: set http_listen and http_url"
	}
	return s.URL + "/" + file, ""
}

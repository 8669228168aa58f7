package pxe

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Naming is how a site calls its nodes' profiles (pxe_profile_name).
type Naming string

// The namings that PXELINUX or a site's own loader asks for.
const (
	IPHex         Naming = "ip_hex"         // 0A4D000B, PXELINUX's own
	IP            Naming = "ip"             // 10.77.0.11
	MAC           Naming = "mac"            // 01-aa-bb-cc-dd-ee-ff, PXELINUX's own, Ethernet
	Hostname      Naming = "hostname"       // node-1.lab
	HostnameShort Naming = "hostname_short" // node-1
	UUID          Naming = "uuid"           // 6a2f41a3-c54c-fce8-32d2-0324e1c32e22, PXELINUX's own as asSent
)

// Dirs are where profiles are below the TFTP root, but for those of PXELINUX, whose place is tftp_cfg.
var Dirs = map[Language]string{IPXE: "ipxe", GRUB: "grub"}

// name is the file of a node's profile in the directory of its language. PXELINUX and iPXE know all namings, but for UUIDs that PXELINUX does not
// ask for, in whose place it asks for the address; GRUB names a machine by its hardware address or, for all other namings, by its address.
func (n Node) name(naming Naming, language Language) (string, error) {
	if naming == UUID && language != GRUB {
		if err := checkUUID(n.UUID, n.Name); err != nil {
			return "", err
		}
		uuid := strings.ToLower(n.UUID)
		if language == PXELINUX {
			if uuid = asSent(uuid); !believed(uuid) {
				return FileName(IPHex, n.Addr, n.MAC, n.Name)
			}
		}
		return withSuffix(uuid, language, nil)
	}
	byAddress := naming == IPHex || naming == "" || language == GRUB && naming != MAC
	switch {
	case language == GRUB && naming == MAC:
		name, err := FileName(MAC, n.Addr, n.MAC, n.Name)
		return "grub.cfg-" + strings.ReplaceAll(strings.TrimPrefix(name, "01-"), "-", ":"), err
	case byAddress && (language == GRUB || language == IPXE):
		naming = IP
	}
	name, err := FileName(naming, n.Addr, n.MAC, n.Name)
	return withSuffix(name, language, err)
}

func withSuffix(name string, language Language, err error) (string, error) {
	switch language {
	case IPXE:
		name += ".ipxe"
	case GRUB:
		name = "grub.cfg-" + name
	}
	return name, err
}

var uuidForm = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

func checkUUID(uuid, host string) error {
	if !uuidForm.MatchString(uuid) {
		return fmt.Errorf("profile name uuid needs the UUID of %s: add uuid=6a2f41a3-... to its line of nodes.conf", host)
	}
	return nil
}

// asSent is a UUID as PXELINUX spells it: from the bytes that the firmware sends in DHCP's option 97. The first three groups are numbers
// there, their lowest byte first (SMBIOS 3.0, 7.2.1); dmidecode and iPXE write the highest first.
func asSent(uuid string) string {
	b, _ := hex.DecodeString(strings.ReplaceAll(uuid, "-", "")) // it has been checked
	slices.Reverse(b[:4])
	slices.Reverse(b[4:6])
	slices.Reverse(b[6:8])
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// believed says whether PXELINUX takes a UUID that it spells so for one, and asks for it. It looks for a version, which is neither 0 nor 15, at the
// end of the number that the third group is, but at its first byte: one UUID in eight is none to it (Syslinux 6.04, core/sysappend.c,
// is_valid_uuid).
func believed(asSent string) bool { return asSent[14] != '0' && asSent[14] != 'f' }

// FileName is the name of a node's profile. What the naming does not use may be the zero value.
func FileName(naming Naming, addr netip.Addr, mac net.HardwareAddr, host string) (string, error) {
	switch naming {
	case IPHex, "":
		a := addr.Unmap()
		if !a.Is4() {
			return "", fmt.Errorf("profile name ip_hex needs an IPv4 address, %s has %q", host, addr)
		}
		return fmt.Sprintf("%X", a.AsSlice()), nil
	case IP:
		if !addr.IsValid() || addr.Zone() != "" {
			return "", fmt.Errorf("profile name ip needs an address, %s has %q", host, addr)
		}
		return addr.Unmap().String(), nil
	case MAC:
		if len(mac) != 6 {
			return "", fmt.Errorf("profile name mac needs the Ethernet address of %s: add mac=aa:bb:cc:dd:ee:ff to its line of nodes.conf", host)
		}
		return "01-" + strings.ReplaceAll(mac.String(), ":", "-"), nil
	case Hostname:
		return host, checkHost(host)
	case HostnameShort:
		short, _, _ := strings.Cut(host, ".")
		return short, checkHost(short)
	}
	return "", fmt.Errorf("unknown profile name %q (known: ip_hex, ip, mac, hostname, hostname_short, uuid)", naming)
}

// SearchOrder is the list of names that PXELINUX tries for a machine: its Ethernet address, its address in hexadecimal,
// the same with one digit less each time, and "default".
func SearchOrder(addr netip.Addr, mac net.HardwareAddr) []string {
	var names []string
	if name, err := FileName(MAC, addr, mac, ""); err == nil {
		names = append(names, name)
	}
	if name, err := FileName(IPHex, addr, mac, ""); err == nil {
		for ; name != ""; name = name[:len(name)-1] {
			names = append(names, name)
		}
	}
	return append(names, "default")
}

// checkHost accepts what is a host name and, being one, also a plain file name.
func checkHost(host string) error {
	if host == "" || len(host) > maxName {
		return errors.New("profile name: the host name is empty or too long")
	}
	for i, c := range host {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
		if !letter && (i == 0 || c != '-' && c != '.') {
			return fmt.Errorf("profile name: %q is not a host name", host)
		}
	}
	return nil
}

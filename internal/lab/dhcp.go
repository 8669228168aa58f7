package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// DHCP is what the site's DHCP server tells machines beside their addresses; empty fields are not told. Files are asked of
// the server by TFTP.
type DHCP struct {
	BIOS string // loader of BIOS machines: pxelinux.0
	UEFI string // loader of UEFI machines: snponly.efi
	IPXE string // script or loader of what is iPXE already, a file or a URL
}

// StartDHCP starts the site's DHCP server (dnsmasq), in place of the one that runs. It knows the lab's machines and nobody else.
func (l *Lab) StartDHCP(d DHCP) error {
	if err := l.StopDHCP(); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "port=0\ninterface=br0\nbind-interfaces\nno-ping\nlog-dhcp\nlog-facility=%s\nuser=root\n", l.dhcpLog())
	fmt.Fprintf(&b, "dhcp-leasefile=%s\ndhcp-range=%s,static,255.255.0.0\n", filepath.Join(l.Dir, "dhcp.leases"), Network.Addr())
	for _, m := range l.Machines {
		fmt.Fprintf(&b, "dhcp-host=%s,%s,%s,infinite\n", m.MAC, m.Addr, m.Name)
	}
	// 175 is iPXE's own option; its suboption 176 spares it the wait for a ProxyDHCP, which is right only when all is said here.
	b.WriteString("dhcp-match=set:ipxe,175\ndhcp-match=set:bios,option:client-arch,0\n" +
		"dhcp-match=set:uefi,option:client-arch,7\ndhcp-match=set:uefi,option:client-arch,9\n")
	if d.IPXE != "" {
		b.WriteString("dhcp-option=tag:ipxe,encap:175,176,1b\n")
	}
	for _, boot := range []struct{ tags, file string }{{"tag:ipxe", d.IPXE}, {"tag:!ipxe,tag:bios", d.BIOS}, {"tag:!ipxe,tag:uefi", d.UEFI}} {
		if boot.file != "" {
			fmt.Fprintf(&b, "dhcp-boot=%s,%s,,%s\n", boot.tags, boot.file, Server)
		}
	}
	conf := filepath.Join(l.Dir, "dhcp.conf")
	if err := os.WriteFile(conf, []byte(b.String()), 0o600); err != nil {
		return err
	}
	l.dhcp = l.net.Switch().Command(context.Background(), "dnsmasq", "--keep-in-foreground", "--conf-file="+conf, "--pid-file=")
	return l.dhcp.Start()
}

// StopDHCP ends the site's DHCP server, if one runs.
func (l *Lab) StopDHCP() error {
	if l.dhcp == nil {
		return nil
	}
	err := l.dhcp.Process.Signal(unix.SIGKILL)
	l.dhcp.Wait()
	l.dhcp = nil
	return err
}

// DHCPLog is what the site's DHCP servers have logged, of all that ran.
func (l *Lab) DHCPLog() (string, error) {
	text, err := os.ReadFile(l.dhcpLog())
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return string(text), err
}

func (l *Lab) dhcpLog() string { return filepath.Join(l.Dir, "dhcp.log") }

// advertise has a router say that it is none. Debian's iPXE configures IPv4 and IPv6 together and would wait for 16 seconds at each
// boot, with its lease in hand.
func (l *Lab) advertise() error {
	return l.net.Switch().Command(context.Background(), "dnsmasq", "--conf-file=/dev/null", "--pid-file=", "--keep-in-foreground", "--user=root", "--port=0",
		"--interface=br0", "--bind-interfaces", "--enable-ra", "--dhcp-range=::,constructor:br0,ra-only", "--ra-param=br0,0,0",
		"--dhcp-leasefile="+filepath.Join(l.Dir, "ra.leases"), "--log-facility="+filepath.Join(l.Dir, "ra.log")).Start()
}

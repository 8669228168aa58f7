package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// netbootKeys are the daemon's services for machines that start from the network, beside TFTP.
func netbootKeys() []*key {
	return []*key{
		{name: "http_listen", initial: one("off"), set: setHTTPListen,
			doc: "address and port of the HTTP server of kernels, profiles and loaders, or off; iPXE needs it: 10.77.0.1:25302"},
		{name: "http_url", fallback: httpURL, set: setHTTPURL,
			doc: "what nodes are told to call it: http://NAME:PORT; default http_listen"},
		{name: "dhcp", initial: one("off"), set: setChoice(func(t *target) *string { return &t.global.DHCP.Mode }, "off", "proxy", "full"),
			doc: "off; proxy: beside the site's own server, tells nodes what to boot; full: also gives the nodes of nodes.conf their addresses"},
		{name: "dhcp_interface", initial: one(""), set: setText(func(t *target) *string { return &t.global.DHCP.Interface }),
			doc: "network interface that DHCP is answered on, such as eth0"},
		{name: "dhcp_router", initial: one(""), set: setRouter,
			doc: "address of the router that nodes are told by dhcp = full; none by default"},
		{name: "dhcp_dns", form: list, initial: one(""), set: setDNS,
			doc: "addresses of the name servers that nodes are told by dhcp = full, separated by commas"},
	}
}

// loaderKeys are what a cluster or a node says of its firmware.
func loaderKeys() []*key {
	return []*key{
		{name: "pxe_kind", scope: clusterScope, initial: one("pxelinux"), set: setPXEKind,
			doc: "boot loader that reads the profiles: pxelinux, ipxe or grub; also PXElinux, GPXElinux, IPXE and GrubPXE"},
		{name: "firmware", scope: clusterScope, initial: one("bios"), set: setFolded(func(t *target) *string { return &t.settings.Firmware }, "bios", "uefi"),
			doc: "how the machine starts: bios or uefi"},
		{name: "uuid", scope: clusterScope, initial: one(""), set: setUUID,
			doc: "UUID of the node's firmware, for pxe_profile_name = uuid"},
		{name: "nfsroot_kernel", scope: clusterScope, initial: one(""), set: setNFSRootKernel,
			doc: "kernel of a deployment system over NFS, a file below tftp_images_path; none by default"},
		{name: "nfsroot_params", scope: clusterScope, initial: one(""), set: setText(func(t *target) *string { return &t.settings.NFSRootParams }),
			doc: "its kernel arguments: root=/dev/nfs nfsroot=10.77.0.1:/srv/deploy ip=dhcp"},
	}
}

func setHTTPListen(t *target, v value) error {
	t.global.HTTPListen = ""
	if v.text == "off" {
		return nil
	}
	return setListen(func(t *target) *string { return &t.global.HTTPListen })(t, v)
}

// httpURL is "" where http_listen is every address of the machine: nodes cannot be told that.
func httpURL(t *target) string {
	host, _, err := net.SplitHostPort(t.global.HTTPListen)
	if ip, bad := netip.ParseAddr(host); err != nil || host == "" || bad == nil && ip.IsUnspecified() {
		return ""
	}
	return "http://" + t.global.HTTPListen
}

func setHTTPURL(t *target, v value) error {
	t.global.HTTPURL = strings.TrimRight(v.text, "/")
	u, err := url.Parse(v.text)
	if v.text != "" && (err != nil || u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "" || strings.ContainsAny(v.text, " \t$#")) {
		return &fault{msg: v.text + " is not an HTTP URL that firmware can fetch from", hint: "write http://ADDRESS:PORT"}
	}
	return singleLine(v.text)
}

func setRouter(t *target, v value) (err error) {
	t.global.DHCP.Router = netip.Addr{}
	if v.text != "" {
		t.global.DHCP.Router, err = parseAddress(v.text)
	}
	return err
}

func setDNS(t *target, v value) error {
	t.global.DHCP.DNS = nil
	for _, item := range v.list(",") {
		addr, err := parseAddress(item.text)
		if err != nil {
			return item.at(err)
		}
		t.global.DHCP.DNS = append(t.global.DHCP.DNS, addr)
	}
	return nil
}

// setPXEKind takes the names of Kadeploy3, too. GPXElinux is PXELINUX that can also fetch over HTTP.
func setPXEKind(t *target, v value) error {
	old := map[string]string{"gpxelinux": "pxelinux", "grubpxe": "grub"}
	if now, ok := old[strings.ToLower(v.text)]; ok {
		v.text = now
	}
	return setFolded(func(t *target) *string { return &t.settings.PXEKind }, "pxelinux", "ipxe", "grub")(t, v)
}

// setFolded stores one of the known words, whose case does not matter.
func setFolded(field func(*target) *string, known ...string) setter {
	store := setChoice(field, known...)
	return func(t *target, v value) error {
		v.text = strings.ToLower(v.text)
		return store(t, v)
	}
}

var uuidForm = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

func setUUID(t *target, v value) error {
	t.settings.UUID = strings.ToLower(v.text)
	if v.text != "" && !uuidForm.MatchString(v.text) {
		return &fault{msg: v.text + " is not a UUID", hint: "write it as dmidecode -s system-uuid does: 6a2f41a3-c54c-fce8-32d2-0324e1c32e22"}
	}
	return nil
}

func setNFSRootKernel(t *target, v value) error {
	t.settings.NFSRootKernel = v.text
	if v.text == "" {
		return nil
	}
	return bootFile(v.text)
}

// checkNetboot checks what the services and the nodes' loaders must agree on.
func (b *builder) checkNetboot(s *Snapshot, layers stack) {
	g := &s.Global
	at := func(key string) position { return layers.place(b.schema.byName[key]) }
	if g.DHCP.Mode != "off" && g.DHCP.Interface == "" {
		b.report.add(Error, at("dhcp"), "set dhcp_interface = eth0, or dhcp = off", "dhcp = %s, but no interface to answer on", g.DHCP.Mode)
	}
	if tftp, err := netip.ParseAddrPort(g.TFTPListen); g.DHCP.Mode != "off" && err == nil && (tftp.Addr().IsLoopback() || tftp.Port() != 69) {
		b.report.add(Error, at("tftp_listen"), "set tftp_listen = ADDRESS:69", "dhcp = %s names the TFTP server to firmware, which cannot ask %s", g.DHCP.Mode, g.TFTPListen)
	}
	for _, n := range s.Nodes {
		where := s.origins[n.Name].entry.at
		switch {
		case n.PXEKind == "ipxe" && g.HTTPListen == "":
			b.report.add(Error, where, "set http_listen in deploy.conf", "%s boots by iPXE, which fetches over HTTP, but http_listen is off", n.Name)
			return
		case n.PXEKind == "ipxe" && g.HTTPURL == "":
			b.report.add(Error, where, "set http_url in deploy.conf", "%s boots by iPXE, but http_listen (%s) does not say what to call the server", n.Name, g.HTTPListen)
			return
		case n.PhoneHome && g.HTTPListen == "":
			b.report.add(Error, where, "set http_listen in deploy.conf, or phone_home = false", "the system deployed on %s is to call the HTTP server (phone_home), but http_listen is off", n.Name)
			return
		case n.PhoneHome && g.HTTPURL == "":
			b.report.add(Error, where, "set http_url in deploy.conf", "the system deployed on %s is to call the HTTP server (phone_home), but http_listen (%s) does not say what to call it", n.Name, g.HTTPListen)
			return
		case n.PXEKind == "pxelinux" && n.Firmware == "uefi":
			b.report.add(Error, where, "set pxe_kind = ipxe or grub", "%s has UEFI, but PXELINUX is for a BIOS", n.Name)
			return
		case n.Power == "sandbox" && n.PXEKind != "pxelinux":
			b.report.add(Error, where, "leave pxe_kind at pxelinux", "%s is a sandbox node, whose firmware reads profiles of PXELINUX, not of %s", n.Name, n.PXEKind)
			return
		case g.ProfileName == "uuid" && n.UUID == "":
			b.report.add(Error, where, "add uuid=6a2f41a3-...", "pxe_profile_name is uuid, but %s has none", n.Name)
			return
		case g.DHCP.Mode != "off" && n.MAC == nil && n.Power != "sandbox":
			b.report.add(Warning, where, "add mac=52:54:00:...", "%s has no hardware address: DHCP does not answer it", n.Name)
		}
	}
}

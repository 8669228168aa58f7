package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/credentials"
)

// powerKeys say how a node's power is reached. The commands of power = command are in commandKeys.
func powerKeys() []*key {
	control := func(field func(*Control) *string) func(*target) *string {
		return func(t *target) *string { return field(&t.settings.Control) }
	}
	return []*key{
		{name: "power", scope: clusterScope, initial: one("command"),
			set: setChoice(func(t *target) *string { return &t.settings.Power }, "command", "ipmi", "redfish", "ssh", "sandbox"),
			doc: "how power is switched: command (the cmd_ keys), ipmi or redfish (the node's management controller), ssh (soft only) or sandbox (machines without hardware)"},
		{name: "bmc_address", scope: clusterScope, initial: one(""), set: setBMCAddress,
			doc: "management controller of the node: HOST or HOST:PORT, for redfish also https://HOST/redfish/v1/Systems/ID; HOSTNAME_FQDN and HOSTNAME_SHORT are the node"},
		{name: "bmc_credentials", scope: clusterScope, initial: one(""), set: setCredentials,
			doc: "file of lines HOST USER PASSWORD, HOST being a node, a controller or a pattern such as *; others must not be able to read it; without one, KADEPLOY_BMC_USER and KADEPLOY_BMC_PASSWORD of the server's environment"},
		{name: "ipmi_cipher", scope: clusterScope, form: list, initial: one("17,3"), set: setCiphers,
			doc: "cipher suites of IPMI 2.0 to try, in order, separated by commas: 17, 3"},
		{name: "redfish_ca", scope: clusterScope, initial: one(""), set: setOptionalFile(control(func(c *Control) *string { return &c.CA })),
			doc: "file of the certificates, in PEM, by which redfish controllers are known; without one, those that the system trusts"},
		{name: "boot_override", scope: clusterScope, initial: one("none"), set: setBootOverride,
			doc: "pxe: ipmi or redfish tells the machine to boot from the network before each reboot into the deployment system; none: its own boot order does"},
		{name: "soft_reboot", scope: clusterScope, initial: one("power"), set: setSoftReboot,
			doc: "who does a soft reboot: power (what power says) or ssh (reboot -f, as root)"},
		{name: "ssh_key", scope: clusterScope, initial: one(""), set: setOptionalFile(control(func(c *Control) *string { return &c.SSHKey })),
			doc: "file of the private key, without a passphrase, with which the server logs in to nodes as root: to reboot them, and for SetDeploymentEnvProd and Kexec"},
		{name: "ssh_known_hosts", scope: clusterScope, initial: one(""), set: setOptionalFile(control(func(c *Control) *string { return &c.SSHKnownHosts })),
			doc: "file of the nodes' public keys, as ssh writes it; the server does not log in to a node that shows another key"},
		{name: "shutdown_timeout", scope: clusterScope, form: number, initial: one("120"), set: setInterval(func(t *target) *time.Duration { return &t.settings.Control.ShutdownTime }),
			doc: "time for a machine that is asked to switch off to be off, in seconds; then it is switched off hard"},
		{name: "power_limit", scope: clusterScope, form: number, initial: one("0"), set: setInt(func(t *target) *int { return &t.settings.Control.Limit }, 0, 1_000_000),
			doc: "power operations under way at once on one power_circuit; 0 is as many as reboot_window allows"},
		{name: "power_circuit", scope: clusterScope, initial: one(""), set: setPlace("power_circuit", control(func(c *Control) *string { return &c.Circuit })),
			doc: "what power_limit counts by, a PDU for example; the cluster when it is empty"},
	}
}

// host is a name or an address, without or with its port.
var host = regexp.MustCompile(`^([A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?$`)

// setBMCAddress checks the form; whether the driver takes it is checked when the driver is known.
func setBMCAddress(t *target, v value) error {
	t.settings.Control.Address = v.text
	if v.text == "" || host.MatchString(v.text) || net.ParseIP(v.text) != nil {
		return nil
	}
	u, err := url.Parse(v.text)
	if err != nil || u.Scheme != "https" || !host.MatchString(u.Host) || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return &fault{msg: "not the address of a management controller", hint: "write HOST, HOST:PORT, or for redfish https://HOST/redfish/v1/Systems/ID"}
	}
	return nil
}

func setCredentials(t *target, v value) error {
	if t.settings.Control.Credentials = ""; v.text == "" {
		return nil
	}
	t.settings.Control.Credentials = absolute(t.dir, v.text)
	if _, err := credentials.Read(t.settings.Control.Credentials); err != nil {
		return faultf(0, "%v", err)
	}
	return nil
}

// setCiphers takes the suites that know who speaks, and encrypt: 3 with SHA-1, 17 with SHA-256 (IPMI 2.0, table 22-20).
func setCiphers(t *target, v value) error {
	t.settings.Control.CipherSuites = nil
	for _, item := range v.list(",") {
		suite, known := map[string]int{"3": 3, "17": 17}[item.text]
		if !known {
			return item.at(&fault{msg: fmt.Sprintf("%q is not a cipher suite that is used here", item.text), hint: "write 17, 3 or 17,3"})
		}
		t.settings.Control.CipherSuites = append(t.settings.Control.CipherSuites, suite)
	}
	if len(t.settings.Control.CipherSuites) == 0 {
		return errors.New("a cipher suite is missing")
	}
	return nil
}

func setBootOverride(t *target, v value) error {
	t.settings.Control.BootOverride = v.text == "pxe"
	return choice(v.text, "none", "pxe")
}

func setSoftReboot(t *target, v value) error {
	t.settings.Control.SoftBySSH = v.text == "ssh"
	return choice(v.text, "power", "ssh")
}

// checkPower checks what a driver needs.
func (b *builder) checkPower(s *Settings, o origin) {
	at := func(key string) position { return o.layers.place(b.schema.byName[key]) }
	c := &s.Control
	controlled := s.Power == "ipmi" || s.Power == "redfish"
	switch {
	case controlled && c.Address == "":
		b.report.add(Error, at("power"), "set bmc_address = HOST, for example HOSTNAME_SHORT-bmc", "power = %s, but node %s has no bmc_address", s.Power, o.entry.name)
	case s.Power == "ipmi" && strings.Contains(c.Address, "://"):
		b.report.add(Error, at("bmc_address"), "write HOST or HOST:PORT", "bmc_address is a URL, which ipmi does not take")
	}
	if controlled && c.Credentials == "" && os.Getenv(credentials.UserVariable) == "" {
		b.report.add(Warning, at("power"), "set bmc_credentials", "power = %s, but there is no bmc_credentials, and no %s in this environment", s.Power, credentials.UserVariable)
	}
	if c.BootOverride && !controlled {
		b.report.add(Error, at("boot_override"), "set power = ipmi or redfish", "boot_override = pxe needs a management controller, and power is %s", s.Power)
	}
	for _, file := range []struct{ key, name string }{{"ssh_key", c.SSHKey}, {"ssh_known_hosts", c.SSHKnownHosts}} {
		if file.name == "" && s.Power == "ssh" {
			b.report.add(Error, at("power"), "set "+file.key+" = FILE", "power = ssh, but there is no %s", file.key)
		}
		if file.name == "" && c.SoftBySSH && s.Power != "ssh" {
			b.report.add(Error, at("soft_reboot"), "set "+file.key+" = FILE", "soft_reboot = ssh, but there is no %s", file.key)
		}
	}
}

package config

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"
)

// daemonKeys are the parameters of the daemon, in the order in which they depend on each other.
func daemonKeys() []*key {
	return []*key{
		{name: "kadeploy_server", initial: one("127.0.0.1"), set: setServerHost,
			doc: "name or address of the server: the daemon listens there, clients call it there; 0.0.0.0 is every address"},
		{name: "kadeploy_server_port", form: number, initial: one("25300"), set: setServerPort,
			doc: "port of the remote API"},
		{name: "agents_listen", initial: one("127.0.0.1:25301"), set: setListen(func(t *target) *string { return &t.global.AgentsListen }),
			doc: "address and port that node agents call; without an address, or with 0.0.0.0, every one of the machine"},
		{name: "agent_reconnect", form: number, initial: one("300"), set: setSeconds(func(t *target) *time.Duration { return &t.global.AgentReconnect }),
			doc: "how long an agent whose connection broke calls again, and is waited for before its node is rebooted, in seconds; 0: not at all"},
		{name: "tftp_listen", initial: one("127.0.0.1:6969"), set: setListen(func(t *target) *string { return &t.global.TFTPListen }),
			doc: "address and port of the TFTP server; firmware asks port 69"},
		{name: "state_dir", initial: one("var"), set: setDir(func(t *target) *string { return &t.global.StateDir }),
			doc: "directory of what the daemon writes; relative to the configuration directory, as every path"},
		{name: "local_socket", set: setPath(func(t *target) *string { return &t.global.LocalSocket }),
			fallback: func(t *target) string { return filepath.Join(t.global.StateDir, "kadeploy.sock") },
			doc:      "unix socket where users of the server's own machine get their identity; default STATE_DIR/kadeploy.sock"},
		{name: "tftp_repository", aliases: []string{"pxe_repository"}, set: setDir(func(t *target) *string { return &t.global.TFTPRoot }),
			fallback: func(t *target) string { return filepath.Join(t.global.StateDir, "tftp") },
			doc:      "root directory of the TFTP server; default STATE_DIR/tftp"},
		{name: "tftp_images_path", aliases: []string{"pxe_repository_kernels"}, initial: one("kernels"),
			set: setBelow(func(t *target) *string { return &t.global.ImagesPath }, tftpRoot),
			doc: "directory of kernels and initrds, below tftp_repository"},
		{name: "tftp_cfg", initial: one("pxelinux.cfg"), set: setBelow(func(t *target) *string { return &t.global.ProfilePath }, tftpRoot),
			doc: "directory of boot profiles, below tftp_repository"},
		{name: "pxe_profile_name", initial: one("ip_hex"),
			set: setChoice(func(t *target) *string { return &t.global.ProfileName }, "ip_hex", "ip", "mac", "hostname", "hostname_short", "uuid"),
			doc: "how a node's boot profile is named: ip_hex, ip, mac, hostname, hostname_short or uuid"},
		{name: "log_to_file", set: setPath(func(t *target) *string { return &t.global.LogFile }),
			fallback: func(t *target) string { return filepath.Join(t.global.StateDir, "kadeploy-server.log") },
			doc:      "log file; default STATE_DIR/kadeploy-server.log"},
		{name: "kadeploy_cache_dir", set: setCacheDir, fallback: cacheDir,
			doc: "directory of what the server remembers of images it has read; default STATE_DIR/cache, which no_cache means too"},
		{name: "kadeploy_cache_size", form: number, initial: one("10GiB"), set: setSize(func(t *target) *int64 { return &t.global.CacheSize }, 1<<20),
			doc: "size of the image cache of Kadeploy3, in MiB or with a unit; read, without effect: see image_cache_size"},
		{name: "reboot_window", form: number, initial: one("50"), set: setInt(func(t *target) *int { return &t.global.RebootWindow }, 1, 1_000_000),
			doc: "reboots under way at once, over all deployments"},
		{name: "reboot_command_timeout", form: number, initial: one("30"), set: setInterval(func(t *target) *time.Duration { return &t.global.RebootCommandTimeout }),
			doc: "time for one power command, in seconds"},
		{name: "probe_interval", form: number, initial: one("1"), set: setInterval(func(t *target) *time.Duration { return &t.global.ProbeInterval }),
			doc: "time between two probes of a booting node, in seconds"},
		{name: "environment", initial: one(""), set: setEnvironment,
			doc: "description of the environment that kadeploy start deploys; none by default"},
		{name: "minnodes", form: count, initial: one(""), set: setMinNodes,
			doc: "nodes that must succeed when a request does not say: a count, a percentage, or nothing for all"},
		{name: "broadcast_grace", form: number, initial: one("10"), set: setSeconds(func(t *target) *time.Duration { return &t.global.Grace }),
			doc: "how long a full quorum waits for late nodes before the broadcast starts, in seconds"},
		{name: "max_preinstall_size", aliases: []string{"max_presinstall_size"}, form: number, initial: one("20"),
			set: setSize(func(t *target) *int64 { return &t.global.MaxPreinstall }, 1<<20),
			doc: "size limit of a preinstall archive, in MiB or with a unit"},
		{name: "max_postinstall_size", form: number, initial: one("20"), set: setSize(func(t *target) *int64 { return &t.global.MaxPostinstall }, 1<<20),
			doc: "size limit of a postinstall archive, in MiB or with a unit"},
		{name: "admins", form: list, initial: one(""),
			set: setNames(func(t *target, name string) { t.global.Admins = append(t.global.Admins, name) }),
			doc: "users who may do everything, separated by commas, beside root and the daemon's own user; see rights.md"},
		{name: "almighty_env_users", aliases: []string{"almighty_users"}, form: list, initial: one("root"),
			set: setNames(func(t *target, name string) { t.global.AlmightyUsers = append(t.global.AlmightyUsers, name) }),
			doc: "users with all rights on environments, separated by commas; read, without effect in this version"},
	}
}

// one is a default of one assignment.
func one(value string) []string { return []string{value} }

func tftpRoot(t *target) *string { return &t.global.TFTPRoot }

func setServerHost(t *target, v value) error {
	if v.text == "" || strings.ContainsAny(v.text, " \t/@") {
		return &fault{msg: fmt.Sprintf("%q is neither a name nor an address", v.text), hint: "write a host name, or an address such as 127.0.0.1"}
	}
	t.global.Server = v.text
	return nil
}

// setServerPort completes what setServerHost began.
func setServerPort(t *target, v value) error {
	_, err := parseInt(v.text, 0, 65535)
	t.global.Server = net.JoinHostPort(t.global.Server, v.text)
	return err
}

func cacheDir(t *target) string { return filepath.Join(t.global.StateDir, "cache") }

// setCacheDir takes no_cache of 2009 for the default: images are checked before they are used, from one place.
func setCacheDir(t *target, v value) error {
	if v.text == "no_cache" {
		v.text = cacheDir(t)
	}
	return setDir(func(t *target) *string { return &t.global.CacheDir })(t, v)
}

func setEnvironment(t *target, v value) error {
	if v.text == "" {
		return nil
	}
	if strings.Contains(v.text, "://") {
		return errors.New("a description must be a file of the server, not a URL")
	}
	err := setFile(func(t *target) *string { return &t.global.Environment })(t, v)
	if err != nil {
		t.global.Environment = ""
	}
	return err
}

// setMinNodes checks the form; whether there are enough nodes is checked when they are known.
func setMinNodes(t *target, v value) error {
	t.global.MinNodes = strings.TrimSpace(v.text)
	if strings.HasSuffix(t.global.MinNodes, "%") {
		_, err := ParseMinNodes(v.text, 100)
		return err
	}
	_, err := ParseMinNodes(v.text, 1<<30)
	return err
}

package kadeploy3

import (
	"errors"
	"fmt"
	"strings"
)

// serverKeys are the values of server.conf and the keys of 2009 that mean the same; those that our loader ignores are told
// by it, with its reasons.
var serverKeys = [][2]string{
	{"network/server_hostname", "kadeploy_server"},
	{"network/ports/kadeploy_server", "kadeploy_server_port"},
	{"pxe/dhcp/repository", "tftp_repository"},
	{"pxe/dhcp/profiles/directory", "tftp_cfg"},
	{"pxe/dhcp/profiles/filename", "pxe_profile_name"},
	{"pxe/repository", "tftp_repository"}, // this and the next two until 3.1.6
	{"pxe/kernels/directory", "tftp_images_path"},
	{"pxe/bootloader", "bootloader"},
	{"logs/logfile", "log_to_file"},
	{"logs/file", "log_to_file"}, // until 3.1.6
	{"cache/directory", "kadeploy_cache_dir"},
	{"cache/size", "kadeploy_cache_size"},
	{"windows/reboot/size", "reboot_window"},
	{"environments/max_preinstall_size", "max_preinstall_size"},
	{"environments/max_postinstall_size", "max_postinstall_size"},
	{"rights/almighty_users", "almighty_env_users"},
	{"network/ports/ssh", "ssh_port"},
	{"network/ports/test_deploy_env", "test_deploy_env_port"},
	{"environments/deployment/extraction_dir", "environment_extraction_dir"},
	{"environments/deployment/rambin_dir", "rambin_path"},
	{"network/vlan/hostname_suffix", "vlan_hostname_suffix"},
	{"network/vlan/set_cmd", "set_vlan_cmd"},
	{"hooks/end_of_deployment", "async_end_of_deployment_hook"},
	{"hooks/end_of_reboot", "async_end_of_reboot_hook"},
	{"hooks/end_of_power", "async_end_of_power_hook"},
	{"hooks/async/end_of_deployment", "async_end_of_deployment_hook"}, // these three until 3.1.6
	{"hooks/async/end_of_reboot", "async_end_of_reboot_hook"},
	{"hooks/async/end_of_power", "async_end_of_power_hook"},
	{"windows/reboot/sleep_time", "reboot_window_sleep_time"},
	{"windows/check/size", "nodes_check_window"},
	{"rights/purge_deployment_timer", "purge_deployment_timer"},
	{"external/taktuk/tree_arity", "taktuk_tree_arity"},
}

// serverReasons say why other parts have no place here.
var serverReasons = []reason{
	{path: "database", text: "there is no such database any more; its password was not copied"},
	{path: "authentication", lost: true, text: "who somebody is, is known by a certificate or the unix socket here (docs/security.md): kadeploy user add NAME for each user of other machines"},
	{path: "security", text: "the server makes its own certificates (docs/security.md)"},
	{path: "ssh_private_key", text: "node agents take the place of ssh to the nodes"},
	{path: "logs", text: "the log is log_to_file and the standard error output"},
	{path: "verbosity", text: "clients choose how much they print"},
	{path: "cache", text: "the cache needs no more than a directory and a size"},
	{path: "network/tcp_buffer_size", text: "it never had an effect"},
	{path: "environments/deployment/tarball_dir", text: "it never had an effect"},
	{path: "environments/demolishing", text: "failures do not make an environment destructive"},
	{path: "pxe/dhcp/export", text: "http_listen and tftp_listen say how files reach the nodes"},
	{path: "pxe/dhcp/binary", text: "the DHCP server names the first program, as before"},
	{path: "pxe/dhcp/userfiles", text: "users cannot bring boot profiles of their own in this version"},
	{path: "pxe/export", text: "http_listen and tftp_listen say how files reach the nodes"},
	{path: "pxe/kernels", text: "the cache of boot files needs no limit of its own"},
	{path: "pxe/networkboot", lost: true, text: "a second boot program for the network is not used by this version"},
	{path: "pxe/localboot", lost: true, text: "a boot program for the disk is not used by this version: the kernel of the image is booted over the network"},
	{path: "autoclean_threshold", text: "the last 200 ended operations are kept"},
	{path: "external", text: "node agents take the place of TakTuk, Kascade, Kastafior and BitTorrent"},
}

// yaml reads the files of 3.1.5 to 3.3: server.conf, clusters.conf, a file for each cluster, command.conf, client.conf.
func (f folder) yaml(d *draft, name string) error {
	server, err := f.document(name)
	if err != nil {
		return err
	}
	deploy := d.file("deploy.conf")
	deploy.comment("# From " + name + " of Kadeploy3.")
	for _, k := range serverKeys {
		if l := server.take(k[0]); l != nil {
			deploy.set(k[1], l.text, l.at)
		}
	}
	if l := server.take("pxe/dhcp/method", "pxe/kind"); l != nil {
		deploy.set("pxe_kind", l.value(), l.at)
	}
	if server.byPath["pxe/kernels/directory"] == nil {
		deploy.comment("# Kernels are named below the repository.")
		deploy.set("tftp_images_path", ".", server.place(server.byPath["pxe/dhcp/repository"]))
	}
	if host := server.byPath["network/server_hostname"]; host != nil {
		deploy.listen(host.value(), host.at)
	} else {
		deploy.listen("", Place{File: name})
	}
	d.serverLists(server, deploy)
	server.leftovers(d.report, serverReasons)
	if err := f.yamlClusters(d, connector(server)); err != nil {
		return err
	}
	f.yamlCommands(d, connector(server))
	if client := f.first("client.conf", "client_conf.yml"); client != "" {
		d.report.note(Place{File: client}, "clients find the server by kadeploy_server, or by --server and KADEPLOY_SERVER")
	}
	return nil
}

// serverLists reads what is more than one value, or means more than its value.
func (d *draft) serverLists(server *document, deploy *file) {
	if kind := server.take("rights/kind"); kind != nil {
		d.rightsKind(kind.value(), kind.at)
	}
	if users := server.byPath["rights/almighty_users"]; users != nil && users.value() != "root" {
		d.report.note(users.at, "almighty_users gave rights; here admins do, who may also use every node: to have them, set admins = %s", users.value())
	}
	if disabled := server.byPath["cache/disabled"]; disabled.yes() {
		disabled.taken = true
		d.report.note(disabled.at, "cache.disabled: images are checked before they are used, from a cache")
	}
	var options []string
	var at Place
	for i := range server.sizes["external/mkfs"] {
		item := fmt.Sprintf("external/mkfs[%d]/", i)
		kind, args := server.take(item+"fstype"), server.take(item+"args")
		if kind == nil || args == nil {
			continue
		}
		if at.Line == 0 {
			at = kind.at
		}
		if strings.ContainsAny(kind.value()+args.value(), "|@") {
			d.report.lost(kind.at, "external.mkfs: %s: | and @ cannot be written in mkfs_options", kind.value())
			continue
		}
		options = append(options, kind.value()+"@"+args.value())
	}
	deploy.set("mkfs_options", strings.Join(options, "|"), at)
}

// connector is what DEFAULT_CONNECTOR stands for in commands.
func connector(server *document) string {
	for _, name := range []string{"external/default_connector", "external/taktuk/connector"} {
		if l := server.byPath[name]; l != nil {
			return l.value()
		}
	}
	return ""
}

// document reads a YAML file of the directory; the error has its name.
func (f folder) document(name string) (*document, error) {
	text, err := f.read(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d, err := parseDocument(name, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return d, nil
}

// yamlCommand is a command with DEFAULT_CONNECTOR in place, and the file of node groups it acts on.
func (f folder) yamlCommand(d *draft, text, connector, group string) (string, error) {
	text = strings.TrimSpace(text)
	if strings.Contains(text, "DEFAULT_CONNECTOR") {
		if connector == "" {
			return "", errors.New("it uses DEFAULT_CONNECTOR, and external.default_connector is not set")
		}
		text = strings.ReplaceAll(text, "DEFAULT_CONNECTOR", connector)
	}
	text = command(text)
	if group != "" {
		text += "," + f.groups(d, group)
	}
	return text, nil
}

// yamlCommands reads command.conf: for each node its own commands.
func (f folder) yamlCommands(d *draft, connector string) {
	name := f.first("command.conf", "cmd.yml")
	if name == "" {
		return
	}
	doc, err := f.document(name)
	if err != nil {
		d.report.lost(Place{File: name}, "%v", err)
		return
	}
	out := d.file("cmd")
	for _, l := range doc.leaves {
		l.taken = true
		node, kind, found := strings.Cut(l.path, "/")
		text, err := f.yamlCommand(d, l.text, connector, "")
		switch {
		case !found || strings.ContainsAny(l.path, "|\n") || strings.Contains(kind, "/"):
			d.report.lost(l.at, "not NODE: KIND: COMMAND")
		case err != nil:
			d.report.lost(l.at, "%s of %s: %v", kind, node, err)
		case strings.Contains(text, "\n"):
			d.report.lost(l.at, "%s of %s: a command on several lines", kind, node)
		default:
			for _, level := range []string{"soft", "hard", "very_hard"} { // soft_reboot is in the comments of the shipped file
				if op, other := strings.CutPrefix(kind, level+"_"); other {
					kind = op + "_" + level
				}
			}
			out.raw(node+"|"+kind+"|"+text, l.at)
		}
	}
	doc.leftovers(d.report, nil)
}

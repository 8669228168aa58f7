package config

// ignoredKeys are the keys of the key = value era (Kadeploy3 2009 to 2012) that are accepted and have no effect, with
// the reason that users are told.
func ignoredKeys() []*key {
	var keys []*key
	ignore := func(reason string, scope scope, form form, names ...string) {
		for _, name := range names {
			keys = append(keys, &key{name: name, scope: scope, form: form, ignored: reason, doc: "ignored: " + reason})
		}
	}
	ignore("clients choose how much they print", daemonScope, number, "verbose_level")
	ignore("the cache of boot files needs no limit of its own", daemonScope, number, "tftp_images_max_size", "pxe_repository_kernels_max_size")
	ignore("the database is said in one line, `database`; see docs/store.md", daemonScope, text,
		"db_kind", "deploy_db_host", "deploy_db_name", "deploy_db_login", "deploy_db_passwd")
	ignore("rights per node are always checked; see docs/rights.md", daemonScope, text, "rights_kind")
	ignore("node agents take the place of TakTuk", daemonScope, text, "taktuk_connector", "taktuk_ssh_connector", "taktuk_rsh_connector")
	ignore("node agents take the place of TakTuk", daemonScope, number, "taktuk_tree_arity")
	ignore("node agents take the place of TakTuk", daemonScope, boolean, "taktuk_auto_propagate")
	ignore("the broadcast is a chain of the nodes, not BitTorrent", daemonScope, text, "tarball_dest_dir", "bt_tracker_ip")
	ignore("the broadcast is a chain of the nodes, not BitTorrent", daemonScope, number, "bt_download_timeout")
	ignore("files are not sent by clients", daemonScope, number, "kadeploy_tcp_buffer_size")
	ignore("rsh is not used", daemonScope, number, "rsh_port")
	ignore("rsh is not used", daemonScope, boolean, "use_rsh_to_deploy")
	ignore("rsh is not used", clusterScope, command, "cmd_soft_reboot_rsh")
	ignore("the log is log_to_file and the standard error output", daemonScope, boolean, "log_to_syslog", "log_to_db", "dbg_to_syslog")
	ignore("the log is log_to_file and the standard error output", daemonScope, number, "dbg_to_syslog_level")
	ignore("a reboot gives its place to the next one at once", daemonScope, number, "reboot_window_sleep_time")
	ignore("every node is probed on its own", daemonScope, number, "nodes_check_window")
	ignore("nfsroot_params says it: nfsroot=SERVER:/PATH", clusterScope, text, "nfs_server")
	ignore("a node is busy exactly as long as its deployment runs", daemonScope, number, "purge_deployment_timer")
	ignore("failures do not make an environment destructive", daemonScope, number, "demolishing_env_threshold")
	ignore("failures do not make an environment destructive", daemonScope, boolean, "demolishing_env_auto_tag")
	ignore("this version runs no hooks", daemonScope, text, "async_end_of_deployment_hook", "async_end_of_reboot_hook", "async_end_of_power_hook")
	ignore("this version does not move nodes between VLANs", daemonScope, text, "vlan_hostname_suffix", "set_vlan_cmd")
	ignore("the boot loader is the GRUB of the deployment system (bootloader = chainload_pxe)", daemonScope, text, "grub")
	ignore("http_listen and tftp_listen say how files reach the nodes", daemonScope, text, "pxe_export")
	ignore("boot profiles need no header", clusterScope, text, "pxe_header")
	ignore("nodes are reached by the address of nodes.conf", clusterScope, boolean, "use_ip_to_deploy")
	ignore("it never had an effect", clusterScope, text, "workflow_steps")
	return keys
}

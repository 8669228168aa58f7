package daemon

import (
	"log/slog"
	"reflect"
	"strings"

	"github.com/kadeploy/kadeploy/config"
)

// reread reads the configuration again, and says in the log what of it waits for a restart.
func reread(started *config.Snapshot, log *slog.Logger) (*config.Snapshot, error) {
	fresh, problems := config.Load(started.Dir)
	if problems.HasErrors() {
		return nil, problems
	}
	if keys := fixed(&started.Global, &fresh.Global); len(keys) > 0 {
		log.Warn("these changes need a restart (kadeploy-server restart)", "keys", strings.Join(keys, ", "))
	}
	if nodes := strangers(started, fresh); len(nodes) > 0 {
		log.Warn("these sandbox nodes are new or changed and need a restart (kadeploy-server restart)", "nodes", brief(nodes))
	}
	return fresh, nil
}

// fixed names the parameters that differ and that the running daemon has taken up for good: listeners and directories.
func fixed(started, fresh *config.Global) []string {
	var keys []string
	for _, p := range []struct{ key, was, is string }{
		{"kadeploy_server, kadeploy_server_port", started.Server, fresh.Server},
		{"agents_listen", started.AgentsListen, fresh.AgentsListen},
		{"tftp_listen", started.TFTPListen, fresh.TFTPListen},
		{"state_dir", started.StateDir, fresh.StateDir},
		{"tftp_repository", started.TFTPRoot, fresh.TFTPRoot},
		{"tftp_cfg", started.ProfilePath, fresh.ProfilePath},
		{"pxe_profile_name", started.ProfileName, fresh.ProfileName},
		{"kadeploy_cache_dir", started.CacheDir, fresh.CacheDir},
		{"log_to_file", started.LogFile, fresh.LogFile},
	} {
		if p.was != p.is {
			keys = append(keys, p.key)
		}
	}
	return keys
}

// strangers names the sandbox nodes that the machines of this daemon, made when it started, do not have as they are now.
func strangers(started, fresh *config.Snapshot) []string {
	had := make(map[string]*config.Node, len(started.Nodes))
	for _, n := range started.Nodes {
		had[n.Name] = n
	}
	var names []string
	for _, n := range fresh.Nodes {
		if n.Power == "sandbox" && !sameMachine(had[n.Name], n) {
			names = append(names, n.Name)
		}
	}
	return names
}

func sameMachine(was, is *config.Node) bool {
	return was != nil && was.Power == is.Power && was.Addr == is.Addr && was.MAC.String() == is.MAC.String() &&
		was.SSHPort == is.SSHPort && reflect.DeepEqual(was.Sandbox, is.Sandbox)
}

// brief keeps a line of the log readable.
func brief(names []string) string {
	const most = 10
	if len(names) > most {
		return strings.Join(names[:most], " ") + " ..."
	}
	return strings.Join(names, " ")
}

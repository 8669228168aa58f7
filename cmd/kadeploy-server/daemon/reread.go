package daemon

import (
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/config"
)

// reread reads the configuration again, with the running values of what waits for a restart, and names that in the log.
func reread(started *config.Snapshot, log *slog.Logger) (*config.Snapshot, error) {
	fresh, problems := config.Load(started.Dir)
	if problems.HasErrors() {
		return nil, problems
	}
	how := restart
	if started.Global.StateDir != fresh.Global.StateDir {
		how = fmt.Sprintf(moving, started.Global.StateDir)
	}
	if keys := keep(&started.Global, &fresh.Global); len(keys) > 0 {
		log.Warn("these changes need a restart ("+how+")", "keys", strings.Join(keys, ", "))
	}
	if nodes := strangers(started, fresh); len(nodes) > 0 {
		log.Warn("these sandbox nodes are new or changed and need a restart, first of kadeploy-server sandbox where that has the machines ("+how+")", "nodes", brief(nodes))
	}
	return fresh, nil
}

// What an operator does about changes that need a restart. The commands find the daemon by the pid file in the configured
// state_dir: once that has changed, a restart would not find it and start a second one.
const (
	restart = "kadeploy-server restart"
	moving  = "set state_dir back to %s, kadeploy-server stop, change state_dir, kadeploy-server start: stop looks for the daemon in state_dir"
)

// fixed is a parameter that the running daemon has taken up for good.
type fixed struct {
	key   string
	value *string
}

// fixedIn lists the listeners, the directories and the names in them.
func fixedIn(g *config.Global) []fixed {
	return []fixed{
		{"kadeploy_server, kadeploy_server_port", &g.Server},
		{"agents_listen", &g.AgentsListen},
		{"tftp_listen", &g.TFTPListen},
		{"http_listen", &g.HTTPListen},
		{"http_url", &g.HTTPURL},
		{"dhcp", &g.DHCP.Mode},
		{"dhcp_interface", &g.DHCP.Interface},
		{"state_dir", &g.StateDir},
		{"tftp_repository", &g.TFTPRoot},
		{"tftp_images_path", &g.ImagesPath},
		{"tftp_cfg", &g.ProfilePath},
		{"pxe_profile_name", &g.ProfileName},
		{"kadeploy_cache_dir", &g.CacheDir},
		{"log_to_file", &g.LogFile},
		{"image_cache", &g.ImageCache},
		{"upload_dir", &g.UploadDir},
		{"local_socket", &g.LocalSocket},
		{"database", &g.Database},
	}
}

// keep puts the running values of the fixed parameters in the place of the fresh ones, so that nobody is told of a port on
// which nobody listens, and returns the keys of those that differed.
func keep(started, fresh *config.Global) []string {
	var keys []string
	was := fixedIn(started)
	for i, p := range fixedIn(fresh) {
		if *p.value != *was[i].value {
			*p.value = *was[i].value
			keys = append(keys, p.key)
		}
	}
	if had, has := &started.DHCP, &fresh.DHCP; had.Router != has.Router || !slices.Equal(had.DNS, has.DNS) {
		has.Router, has.DNS = had.Router, had.DNS
		keys = append(keys, "dhcp_router, dhcp_dns")
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

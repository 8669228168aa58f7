package command

const rootTemplate = `NAME:
   {{.HelpName}} - {{.Usage}}

USAGE:
   {{.HelpName}} COMMAND [options]

COMMANDS:{{range .VisibleCommands}}
   {{printf "%-14s" .Name}}{{.Usage}}{{end}}

{{.Description}}
`

const rootHelp = `EXAMPLES:
   kadeploy-server check-config -d /etc/kadeploy
   kadeploy-server start -d /etc/kadeploy
   kadeploy-server status -d /etc/kadeploy

SIGNALS TO THE DAEMON:
   SIGHUP            read the configuration again; a broken one changes nothing
   SIGTERM, SIGINT   stop in order; a second one ends it at once

EXIT CODES:
   0   done; check-config: no errors; stop: no daemon runs any more
   1   it failed; import: made, but some was not taken
   2   wrong usage or configuration
   3   status: no daemon runs on this configuration

Each command has --help.`

const startHelp = `Starts the daemon and returns when it serves. In the background it logs to the file log_to_file, where a crash
leaves its stack too; rotate that with copytruncate. With --foreground it logs to standard error and tells systemd how it is: Type=notify,
WatchdogSec and ExecReload=kill -HUP work.

EXAMPLES:
   kadeploy-server start -d /etc/kadeploy
   kadeploy-server start -d /etc/kadeploy --foreground`

const stopHelp = `Stops the daemon and returns when it has ended. Operations under way end as cancelled, and those who watch them are
told. A daemon that does not end in 30 seconds is killed, and the exit code is 1.

EXAMPLES:
   kadeploy-server stop -d /etc/kadeploy
   kadeploy-server stop -d /etc/kadeploy --timeout 2m`

const restartHelp = `Checks the configuration, stops the daemon if one runs, and starts it. A broken configuration does not cost the
running daemon. Most changes need no restart: kill -HUP reads the configuration again.

EXAMPLES:
   kadeploy-server restart -d /etc/kadeploy`

const backupHelp = `Writes a consistent copy of the SQLite database to a file that does not exist yet. The daemon may run. PostgreSQL has
pg_dump for that.

EXAMPLES:
   kadeploy-server backup -d /etc/kadeploy /var/backups/kadeploy.db`

const statusHelp = `Says whether the daemon runs, and asks it for its operations. Exit code 3: it does not run; 1: it does not answer.

With --output json:
   {"running", "pid", "since", "config_dir", "server", "answers", "version", "operations", "nodes", "error"}
since: RFC 3339; server: HOST:PORT; operations: how many are under way, nodes: on how many nodes; error: why it
does not answer.

EXAMPLES:
   kadeploy-server status -d /etc/kadeploy
   kadeploy-server status -d /etc/kadeploy --output json`

const checkHelp = `Reads the configuration as the daemon would and prints all that is wrong with it: errors, warnings and notes, each
with file, line and column. Exit code 2: there are errors.

With --output json:
   {"config_dir", "valid", "nodes", "clusters",
    "diagnostics": [{"severity", "file", "line", "column", "source", "summary", "hint"}],
    "explanations": [{"key", "value", "source", "doc"}]}
severity: error, warning, note; line: 0 for a file as a whole; explanations: with --explain only.

EXAMPLES:
   kadeploy-server check-config -d /etc/kadeploy
   kadeploy-server check-config -d /etc/kadeploy --explain node-1.demo
   kadeploy-server check-config -d /etc/kadeploy --output json`

const versionHelp = `EXAMPLES:
   kadeploy-server version`

const helpHelp = `EXAMPLES:
   kadeploy-server help start`

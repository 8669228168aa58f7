package prodsystem

import "strings"

// The command lines that a node's shell is given. They are for /bin/sh, whatever shell root has, on one line and without single quotes and
// exclamation marks, which not every shell leaves alone. Nothing that others chose is in them.

// installed are the files that a package would have the agent in.
var installed = []string{"/usr/sbin/kadeploy-agent", "/usr/bin/kadeploy-agent", "/usr/local/sbin/kadeploy-agent", "/usr/local/bin/kadeploy-agent"}

// look asks what machine this is, and for the digests of the agents that are installed.
func look() string {
	return sh(`uname -m`, `for f in `+strings.Join(installed, " ")+`; do test -x $f && sha256sum $f`, `done`, `exit 0`)
}

// readLine takes the first line of the standard input, and leaves the rest of it there.
const readLine = `IFS= read -r KADEPLOY_CMDLINE`

// use runs an agent that is installed.
func use(file string, args []string) string {
	return sh(readLine, `export KADEPLOY_CMDLINE`, `exec `+file+` `+strings.Join(args, " ")+` </dev/null`)
}

// bring runs the agent that follows the line on the standard input, and removes it. A directory in which a script of one line does not
// run is on a file system that lets nothing run.
func bring(p program, args []string) string {
	return sh(readLine, `umask 077`, `f=`,
		`for p in /run /var/tmp /tmp; do d=$(mktemp -d $p/kadeploy-agent.XXXXXXXXXX 2>/dev/null) || continue`,
		`trap "rm -rf $d" EXIT`, `trap "exit 1" HUP INT PIPE TERM`,
		`printf "#\041/bin/sh\n" >$d/try && chmod 700 $d/try && $d/try 2>/dev/null && f=$d/kadeploy-agent && break`,
		`rm -rf $d`, `done`,
		`test -n "$f" || { echo "none of /run, /var/tmp and /tmp lets root run a program" >&2; exit 1; }`,
		`cat >$f && chmod 700 $f || exit 1`,
		`s=$(sha256sum <$f)`,
		`test "${s%% *}" = `+p.digest+` || { echo "the agent did not arrive as it was sent" >&2; exit 1; }`,
		`export KADEPLOY_CMDLINE`, `$f `+strings.Join(args, " ")+` </dev/null`)
}

func sh(commands ...string) string { return "/bin/sh -c '" + strings.Join(commands, "; ") + "'" }

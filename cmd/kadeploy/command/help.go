package command

import (
	"fmt"
	"runtime"

	"github.com/urfave/cli/v2"
)

const rootTemplate = `NAME:
   {{.HelpName}} - {{.Usage}}

USAGE:
   {{.HelpName}} COMMAND [options]

COMMANDS:{{range .VisibleCommands}}
   {{printf "%-12s" .Name}}{{.Usage}}{{end}}

{{.Description}}
`

const rootHelp = `EXAMPLES:
   kadeploy deploy -m 'node-[1-8].demo' -a debian.env -k
   kadeploy deploy -f $OAR_NODE_FILE -e debian13 --min-nodes 90% -o ok.txt -n ko.txt
   kadeploy -f NODES -d /etc/kadeploy start
   kadeploy status

EXIT CODES:
   0     every node is OK, or minnodes are reached
   1     the request failed
   2     wrong usage, configuration or description
   3     some nodes are KO, and no minnodes were asked
   4     refused: nodes are busy, or you have no right to them
   5     no server
   130   interrupted: the operation is cancelled (Ctrl-C again leaves at once)

Each command has --help.`

const deployHelp = `Deploys an environment, described in a file or known to the catalogue, on nodes: they are rebooted into the deployment system,
partitioned, given the image, and booted into it. A node is OK when it runs the new system.

Nodes come from -m and -f together. A node named twice by -m is an error; a line repeated in a file is not.
The KO file holds every node that is not OK. Both files are also written when the deployment failed, was cancelled
or was interrupted. Interrupting cancels the deployment; a closed terminal does not.

With --output json one document is written when all is over:
   {"id", "operation", "outcome", "exit_code", "text", "min_nodes", "seconds",
    "nodes": [{"name", "cluster", "phase", "tries", "state", "cause", "evidence", "seconds": {MACRO-STEP: N}}]}
outcome: all_ok, quorum, partial, failed, aborted, unknown; phase: ok, ko, cut, cancelled, and waiting, running,
retrying when the end is not known; tries: 1, and 1 more for each time a macro-step had to be tried again.
A node that stands at a breakpoint is ok with "stopped": true, and has no new system. One whose new system itself has said that it
is the image (phone_home) is ok with "confirmed": true. Both are left out when false. The cause of a node that is ok says what could not
be restored of its image.

With --plan nothing is done: it shows for each node which disk would be written over, how much of it, and what was on it when the node's
deployment system last ran (see kadeploy nodes --disks). --output json, with --dry-run too:
   {"dry_run": true, "lines", "disks": [{"node", "device", "destruction", "partitions", "text", "seen", "disk", "problem", "production"}]}
destruction: disk, table, partitions, scripts, nothing; "disk" is as in nodes --disks, null when no disk is known; "production" is the
partition of the node's production system when it is on that disk, and 0 otherwise.

EXAMPLES:
   kadeploy deploy -m 'node-[1-8].demo' -a debian.env
   kadeploy deploy -m node-1.demo -a debian.env --breakpoint BroadcastEnv:sync
   kadeploy deploy -m node-1.demo -a debian.env --custom-steps steps.yaml
   kadeploy deploy -m node-1.demo -a freebsd.env -b /dev/sdb
   kadeploy deploy -f nodes.txt -a debian.env --min-nodes 7 -k -o ok.txt -n ko.txt
   oarprint host | kadeploy deploy -f - -a debian.env --output json
   kadeploy deploy -m node-1.demo -a debian.env --dry-run
   kadeploy deploy -m 'node-[1-8].demo' -a debian.env --plan
   kadeploy deploy -m node-1.demo -e debian13
   kadeploy deploy -m node-1.demo -e debian13 -u alice --env-version 3`

const startHelp = `Deploys the environment that the server's configuration names (environment = FILE) on the nodes of a file.

EXAMPLES:
   kadeploy -f NODES -d /etc/kadeploy start
   kadeploy start -m node-1.demo -d /etc/kadeploy`

const rebootHelp = `Reboots nodes into the system they have, and waits until it answers; or, with --kind, into the deployment system,
where they stay, or into an environment that an earlier deployment has left on a partition.

EXAMPLES:
   kadeploy reboot -m 'node-[1-8].demo'
   kadeploy reboot -m node-1.demo --kind deploy_env -k
   kadeploy reboot -m node-1.demo --kind recorded_env -e debian13 -p 3
   kadeploy reboot -f nodes.txt -l hard -o ok.txt -n ko.txt`

const powerHelp = `Switches nodes on and off, or shows whether they are on. Switching is an operation as a reboot is: it needs a right to each
node, and the nodes to itself. What the controllers say they did is looked at. A level that fails is followed by the next:
soft asks the node's own system, hard does not, very_hard cuts the current. cycle is off and on, and waits for no system.

EXAMPLES:
   kadeploy power status -m 'node-[1-8].demo'
   kadeploy power on -m 'node-[1-8].demo' -o ok.txt -n ko.txt
   kadeploy power off -m node-1.demo --level hard
   kadeploy power cycle -m node-1.demo --force

JSON of status:
   {"nodes": [{"name": "node-1.demo", "power": "on, off or unknown", "problem": "why it is unknown"}]}

EXIT CODES of status:
   0 all known, 3 some unknown, 1 all unknown; of the others: those of every operation`

const consoleHelp = `Shows the serial console of a node, and types on it. It needs any right to the node, and ends when that is lost. One user writes, the
first who wants to; others read. What the machine sends is shown as it is.

After Enter: ~. leaves, ~w asks to write when nobody does, ~? shows this, ~~ is a ~. Without a terminal on standard input the
console is copied to standard output until interrupted; with --write, what comes on standard input is typed, too.
Not to be able to write is no error, unless --write is given.

EXAMPLES:
   kadeploy console -m node-1.demo
   kadeploy console -m node-1.demo --read-only --log node-1.log
   kadeploy console -m node-1.demo < /dev/null | grep -m1 login:
   kadeploy console -m node-1.demo --force

EXIT CODES:
   0     you left
   1     the console has ended, or the right to it
   4     refused: no right to the node; another writes, and --write was given
   5     no server, or the connection to it was lost`

const kapowerHelp = `Understands the command lines of kapower3; it must be the first word, or the program be called kapower or kapower3.
kadeploy power says the same in words, and more.

EXAMPLES:
   kadeploy kapower --status -m node-1.demo
   kadeploy kapower --off -l hard -f nodes.txt`

const statusHelp = `Shows the operations that the server remembers, or one of them.

EXAMPLES:
   kadeploy status
   kadeploy status D-7
   kadeploy status --output json`

const historyHelp = `Shows operations, the newest first, from the server's database: also those that ended long ago, until they are forgotten
(history_keep), and those that are under way (running), with the time that they have taken up to now. Yours, or for admins everybody's.
kadeploy show ID tells more of one.

TIME is so long ago (90m, 12h, 7d, 4w), a date (from midnight on, here) or an exact time.

With --output json: {"operations": [{"id", "operation", "user", "since", "until", "running", "seconds", "outcome", "total", "ok", "ko",
"min_nodes", "environment", "text", "resumed"}], "next"}; next, when not "", is for --before: there may be more. --output csv has the same
names, in one table.

EXAMPLES:
   kadeploy history
   kadeploy history --node node-7.demo --since 30d
   kadeploy history --failed --since 2026-11-01 --until 2026-12-01
   kadeploy history --user alice --kind deploy --limit 1000 --output csv`

const showHelp = `Shows what happened in an operation: what was asked for, what became of every node, the seconds it was in each macro-step,
and the tries that failed, with their causes. Of an operation that is under way it shows what is known up to now.

With --output json: what kadeploy history has of it, and
   {"asked", "environment_path", "image", "reboot_level", "no_partitioning", "tmp_filesystem",
    "nodes": [{"name", "cluster", "phase", "tries", "state", "cause", "seconds": {MACRO-STEP: N}}],
    "tries": [{"node", "macro", "instance", "micro", "try", "at", "seconds", "outcome", "cause"}]}
phase is ok, ko, cut or cancelled; waiting, running or retrying while the operation is under way, unknown when that is too much to read.

EXAMPLES:
   kadeploy show D-7
   kadeploy show D-7 --output json`

const statsHelp = `Shows how often nodes fail, how long macro-steps take, and why tries fail. It counts whole days (UTC), and is for everybody: no
user is named. What has been counted stays counted when operations are forgotten.

--nodes: operations that ended OK and KO on a node, and tries beyond the first. --steps: the times that 50, 90 and 99 of 100 tries did
not exceed (within 3 %), and the longest, of tries that were OK and that no restart of the server interrupted. --failures: causes
without names and numbers, the most frequent first. --timeouts: half as long again as P99, of at least 20 of these tries; times beyond
the present timeout were never seen, so a step that often fails by it needs more than is suggested. Without any of them: the first
three. They are of deployments; --kind says of what else.
Instances named "... (Kadeploy3)" were imported: --timeouts leaves them out.

With --output json: {"since", "until", "kind", "database_bytes", "nodes": [{"node", "cluster", "ok", "ko", "failure_rate", "retries"}],
   "steps": [{"cluster", "macro", "instance", "ok", "failed", "cut", "p50", "p90", "p99", "max"}],
   "failures": [{"count", "macro", "micro", "cause", "example"}],
   "timeouts": [{"cluster", "macro", "instance", "tries", "p99", "max", "timeout"}]}
times are in seconds. --output csv has the same names, in one table.

EXAMPLES:
   kadeploy stats
   kadeploy stats --nodes --since 7d
   kadeploy stats --timeouts
   kadeploy stats --steps --kind reboot
   kadeploy stats --steps --since 2026-01-01 --output csv`

const nodesHelp = `Shows the nodes and their states: since when, from which operation and of whom, and for those deployed the environment and the first
digits of its image's sha256. With --disks it shows their disks, as their deployment systems found them when they last booted, before
anything was written. A node that was never seen is booted once with kadeploy reboot --kind deploy_env.

UNTIL is when the operation that holds the node is over at the latest, by the tries and seconds that its nodes have left: a bound, mostly a
far one, and nothing ends by it. "no limit": while the image is read, in reboots and power operations, and where macrostep has no seconds.

With --output json: {"nodes": [{"name", "cluster", "address", "state", "operation", "user", "environment", "image", "confirmed", "since",
"held", "until"}]}; confirmed: the system itself has said that it is that image; until is "" without a limit, and when the node is not
held. --output csv has the same names, in one table.
With --disks --output json: {"nodes": [{"node", "seen", "disks": [{"device", "model", "serial", "wwid", "path", "size", "in_use",
"filesystem", "label", "uuid", "partitions": [{"number", "start", "size", "mounted", "filesystem", "label", "uuid"}]}]}]}

EXAMPLES:
   kadeploy nodes
   kadeploy nodes -m 'node-[1-4].demo' --output json
   kadeploy nodes --output csv
   kadeploy nodes -m node-1.demo --disks`

const watchHelp = `Follows an operation, from its beginning, until it ends. Interrupting leaves it alone.

EXAMPLES:
   kadeploy watch D-7
   kadeploy watch D-7 -o ok.txt -n ko.txt`

const cancelHelp = `Ends an operation: its nodes stay as they are and are reported as cancelled.

EXAMPLES:
   kadeploy cancel D-7`

const envHelp = `Keeps environments by name, so that kadeploy deploy -e NAME finds them. Adding reads the description, finds every file that it
names as a deployment would, uploads those that the server may not read, and reads the image whole: what is in the catalogue can be
deployed. A description without a version gets the next one. Relative files become absolute; show prints the description so.

A private environment is its owner's; a shared one may be used by whoever says -u OWNER; a public one is everybody's, and for admins to
add. add -u OWNER adds an environment of somebody else, for admins: its files are those of the server that the owner may name. A name means one's own environment, or else the public one; NAME:VERSION or --env-version one that is not the newest. rm takes
the newest version, or with --all-versions every one. verify reads all files again. Images are not deleted with their environments.

What a version deploys never changes. update reads the files of the newest version again, says which are others than they were, and adds
what they are as the next version. set changes who may use a version, and its description's destructive tag. move tells the
catalogue that files, or all below directories or URLs, have other places: they are there already, and as long as they were (servers
of URLs are asked; URLs are written as show has them). It is for admins; write FROM::TO when a name has an = in it. An environment whose files are
not found there stays as it is: exit code 3.

With --output json: {"name", "version", "user", "visibility", "description", "os", "image", "sha256", "size", "format", "added", "text"},
the text with show only; {"environments": [...]} for list, {"removed": [...]} for rm, {"changed": [...]} for set;
   update: {"environment": {...}, "changes": [{"part", "path", "was", "now"}]}
   move:   {"dry_run", "environments": [{"name", "version", "user", "files": [{"from", "to"}], "problem"}]}
part: image, preinstall or postinstalls; was, now: sha256.

EXAMPLES:
   kadeploy env add debian13.env --shared
   kadeploy env add debian13.env -u alice
   kadeploy env list 'debian*' --all-versions
   kadeploy env list -u alice --output json
   kadeploy env show debian13:3 > debian13.env
   kadeploy env verify debian13 -u alice
   kadeploy env update debian13
   kadeploy env set debian13 --public --all-versions
   kadeploy env set debian13:2 --destructive yes
   kadeploy env move /srv/images=/data/images http://old/=https://new/ --dry-run
   kadeploy env rm debian13:2`

const kaenvHelp = `Understands the command lines of kaenv3; it must be the first word, or the program be called kaenv or kaenv3. kadeploy env says the
same in words, and more. Digests are SHA-256 here, and those of a version never change: --update-... reads all files of the newest version
again and adds the next version, if no others have changed than those asked for. -md5 may be spelled -checksum, :: in -m as : or =.

EXAMPLES:
   kadeploy kaenv -l
   kadeploy kaenv -l 'debian%' -u alice -s
   kadeploy kaenv -a debian13.env
   kadeploy kaenv -p debian13 --env-version 3
   kadeploy kaenv -d debian13 -s
   kadeploy kaenv --update-image-md5 debian13
   kadeploy kaenv --set-visibility-tag debian13 -t shared
   kadeploy kaenv --toggle-destructive-tag debian13 -s
   kadeploy kaenv --move-files -m /srv/images::/data/images --dry-run`

const rightsHelp = `Says who may deploy on which nodes. Whoever has no right to one node of a request is refused; admins may do everything.
A right is to a partition, the one that the site deploys on, or to every one, and may end by itself. Adding is refused when
another user holds one of the nodes, unless --overwrite takes them from him. Whoever loses a right that a running operation
needs loses the whole operation.

NODES are sets and globs ('node-[1-16]', 'node-*'), or '*' for every node; USER may be '*' for everybody. Only admins change
rights; everybody may list his own.

With --output json:
   {"rights": [{"user", "nodes", "part", "until", "by", "since"}], "lost": [{"user", "nodes"}]}
nodes are sets as above; until is "" for ever. add and del show what the user has then.

EXAMPLES:
   kadeploy rights add alice 'node-[1-16]' --part 3 --until 2h
   kadeploy rights add alice -f $OAR_NODE_FILE --overwrite
   kadeploy rights del alice 'node-[1-16]'
   kadeploy rights list alice
   kadeploy rights list -m 'node-[1-4]' --output json`

const karightsHelp = `Understands the command lines of karights3, for the prologues and epilogues of batch systems; it must be the first word, or the
program be called karights or karights3. kadeploy rights says the same in words, and explains what a right is.

EXAMPLES:
   kadeploy karights -a -f $OAR_NODE_FILE -p /dev/sda3 -u alice -o
   kadeploy karights -d -m node-1.demo -p '*' -u alice
   kadeploy karights -l -u alice
   kadeploy karights -l -m node-1.demo`

const userHelp = `Enrols users who are to use the server from their own machines, and deletes them. add writes the line that the user types
there; whoever has that line is the user, once, until the token dies. A user who is there already gets another token. del takes
all rights away, ends all operations of the user and makes his certificates worthless. Being enrolled gives no right to any
node: see kadeploy rights. For admins.

With --output json: {"name", "admin", "since", "token", "pin", "seconds", "command"} for add, {"users": [{"name", "admin", "since"}]}
for list.

EXAMPLES:
   kadeploy user add alice
   kadeploy user add alice --admin --life 8h
   kadeploy user del alice
   kadeploy user list`

const completionHelp = `Writes the completion script of a shell on standard output.

EXAMPLES:
   kadeploy completion bash > /etc/bash_completion.d/kadeploy
   kadeploy completion zsh > "${fpath[1]}/_kadeploy"
   kadeploy completion fish > ~/.config/fish/completions/kadeploy.fish`

func (r *runner) versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "show the version of this command",
		Description: "The server's own version is in kadeploy status.\n\nEXAMPLES:\n   kadeploy version",
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			fmt.Fprintf(r.Stdout, "kadeploy %s (%s %s/%s)\n", r.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}

func (r *runner) helpCommand() *cli.Command {
	return &cli.Command{
		Name: "help", Usage: "show the help of a command", ArgsUsage: "[COMMAND]",
		Description: "EXAMPLES:\n   kadeploy help deploy",
		Action: func(c *cli.Context) error {
			name := c.Args().First()
			if name == "" {
				return cli.ShowAppHelp(c)
			}
			if c.App.Command(name) == nil {
				return usage("", "unknown command %q. %s", name, cli.SuggestCommand(visible(c.App.Commands), name))
			}
			return cli.ShowCommandHelp(c, name)
		},
	}
}

// noArguments refuses words that belong to no flag.
func noArguments(c *cli.Context) error {
	if c.NArg() == 0 {
		return nil
	}
	hint := ""
	if c.Command.Name == "deploy" || c.Command.Name == "start" || c.Command.Name == "reboot" || c.Command.Name == "nodes" {
		hint = "; nodes are given by -m NODES"
	}
	return usage(c.Command.Name, "unexpected argument %q%s", c.Args().First(), hint)
}

// oneID takes the only argument, an operation's ID.
func oneID(c *cli.Context) (string, error) {
	switch c.NArg() {
	case 0:
		return "", usage(c.Command.Name, "no operation: give its ID, as shown by kadeploy status and kadeploy history")
	case 1:
		return c.Args().First(), nil
	}
	return "", usage(c.Command.Name, "one operation at a time: unexpected argument %q", c.Args().Get(1))
}

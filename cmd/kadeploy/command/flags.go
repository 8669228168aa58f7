package command

import "github.com/urfave/cli/v2"

// A flag's name means the same in every command: package argv relies on it.

// optionalValue is the flag whose value may be left out.
const optionalValue = "key"

// repeatable is a flag that may be given several times, without the parser's own way of saying so in the help.
type repeatable struct{ *cli.StringSliceFlag }

func (repeatable) IsSliceFlag() bool { return false }
func (f repeatable) String() string  { return cli.FlagStringer(f) }

// toggle is a flag without a value.
func toggle(usage, name string, aliases ...string) cli.Flag {
	return &cli.BoolFlag{Name: name, Aliases: aliases, Usage: usage, DisableDefaultText: true}
}

func serverFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "server", Usage: "the server is at `HOST:PORT` (default: the one of -d, then $KADEPLOY_SERVER, then " + defaultServer + ")"},
		&cli.StringFlag{Name: "config-dir", Aliases: []string{"d"}, Usage: "find the server in the configuration `DIR`"},
	}
}

func nodeFlags() []cli.Flag {
	return []cli.Flag{
		repeatable{&cli.StringSliceFlag{Name: "machine", Aliases: []string{"m"}, Usage: "node or set of `NODES`: 'node-[1-8,12].demo' (may be repeated)"}},
		repeatable{&cli.StringSliceFlag{Name: "file", Aliases: []string{"f"}, Usage: "`FILE` of nodes, one a line, # begins a comment, repeated lines count once; - is standard input"}},
	}
}

// tableFormats are those of results that are a table.
var tableFormats = []string{"text", "csv", "json"}

func tableFlag() cli.Flag {
	return &cli.StringFlag{Name: "output", Value: "text", Usage: "`FORMAT` of the result on standard output: " + either(tableFormats)}
}

func outputFlag() cli.Flag {
	return &cli.StringFlag{Name: "output", Value: "text", Usage: "`FORMAT` of the result on standard output: text or json"}
}

func fileFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "output-ok-nodes", Aliases: []string{"o"}, Usage: "write the nodes that are OK to `FILE`, one a line, when all is over"},
		&cli.StringFlag{Name: "output-ko-nodes", Aliases: []string{"n"}, Usage: "write every node that is not OK (KO, cut, cancelled) to `FILE`"},
	}
}

func waitFlags() []cli.Flag {
	return []cli.Flag{
		toggle("write the operation's ID on standard output and leave; see kadeploy watch ID", "no-wait"),
		&cli.StringFlag{Name: "write-id", Aliases: []string{"write-workflow-id"}, Usage: "write the operation's ID to `FILE` as soon as it is accepted"},
		&cli.StringFlag{Name: "script", Aliases: []string{"s"}, Usage: "run `SCRIPT` when all is over, whatever the outcome (KADEPLOY_ID, _OUTCOME, _EXIT_CODE, _OK_FILE, _KO_FILE in its environment)"},
	}
}

// deployFlags are those of deploy and start alike.
func deployFlags() []cli.Flag {
	return join(nodeFlags(), []cli.Flag{
		&cli.StringFlag{Name: "min-nodes", Usage: "succeed as soon as `N` nodes (7) or a part of them (90%) are OK (default: the server's)"},
		&cli.StringFlag{Name: "key", Aliases: []string{"k"}, Usage: "ssh public keys in `FILE` may log in as root; without a value: ~/.ssh/authorized_keys"},
		&cli.StringFlag{Name: "reformat-tmp", Aliases: []string{"r"}, Usage: "format the tmp partition with file system `FSTYPE`"},
		toggle("leave the partition table alone", "no-partitioning", "disable-disk-partitioning"),
		&cli.StringFlag{Name: "block-device", Aliases: []string{"b"}, Usage: "deploy on the disk `DEV` instead of the site's; without -p: an image of a whole disk"},
		&cli.StringFlag{Name: "part", Aliases: []string{"p", "partition"}, Usage: "deploy on the partition with the number `NUM` instead of the site's"},
		toggle("reboot nodes where the site would kexec them", "no-kexec"),
		&cli.StringFlag{Name: "breakpoint", Usage: "nodes stop before `MACRO[:MICRO]` and stay in the deployment system: BroadcastEnv:send_key"},
		&cli.StringFlag{Name: "custom-steps", Aliases: []string{"custom-operations", "set-custom-operations"}, Usage: "do what `FILE` says around micro-steps (see docs/workflow.md)"},
		toggle("show which disks would be written over, and what is on them; change nothing", "plan"),
		toggle("check everything, change nothing", "dry-run"),
	}, waitFlags(), fileFlags(), []cli.Flag{outputFlag()}, serverFlags())
}

func join(lists ...[]cli.Flag) []cli.Flag {
	var joined []cli.Flag
	for _, l := range lists {
		joined = append(joined, l...)
	}
	return joined
}

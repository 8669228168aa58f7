package command

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/internal/rights"
)

// karights is the name of the command of Kadeploy3 that batch systems call. Its short options are its own.
const karights = "karights"

// oldCommands are those of Kadeploy3 that are understood as they were.
var oldCommands = []string{karights, kaenv, kapower}

// aliased lets the program be called by a link of an old name. Of kastat, kareboot and kaconsole only the names are understood: their options are those of stats, reboot and console.
func aliased(argv []string) []string {
	if len(argv) == 0 {
		return argv
	}
	switch name := strings.TrimSuffix(filepath.Base(argv[0]), "3"); {
	case slices.Contains(oldCommands, name):
		return append([]string{"kadeploy", name}, argv[1:]...)
	case name == "kastat":
		return append([]string{"kadeploy", "stats"}, argv[1:]...)
	case name == "kaconsole":
		return append([]string{"kadeploy", "console"}, argv[1:]...)
	case name == "kareboot":
		return append([]string{"kadeploy", "reboot"}, argv[1:]...)
	}
	return argv
}

func (r *runner) karightsCommand() *cli.Command {
	return &cli.Command{
		Name: karights, Usage: "kadeploy rights with the options of Kadeploy3", Description: karightsHelp,
		Flags: join([]cli.Flag{
			toggle("give the right", "add", "a"),
			toggle("take the right away, and end the operations that need it", "delete", "d"),
			toggle("show rights", "list", "l"),
		}, nodeFlags(), []cli.Flag{
			&cli.StringFlag{Name: "part", Aliases: []string{"p"}, Usage: "`PARTITION`: /dev/sda3 or 3, or * for every one (default: *)"},
			&cli.StringFlag{Name: "user", Aliases: []string{"u"}, Usage: "`USER`, or * for everybody"},
			toggle("take the nodes from others, and end their operations there", "overwrite-rights", "o", "overwrite"),
			&cli.StringFlag{Name: "until", Usage: "with -a, the right ends at `TIME`: 2h, 18:30, 2026-01-31T18:30:00Z (default: never)"},
			outputFlag(),
			&cli.StringFlag{Name: "server", Usage: "the server is at `HOST:PORT` (default: $KADEPLOY_SERVER, then " + defaultServer + ")"},
		}),
		Action: r.karights,
	}
}

func (r *runner) karights(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	asked := 0
	for _, f := range []string{"add", "delete", "list"} {
		if c.Bool(f) {
			asked++
		}
	}
	switch {
	case asked != 1:
		return usage(karights, "say one of -a, -d and -l")
	case !c.Bool("add") && (c.Bool("overwrite-rights") || c.IsSet("until")):
		return usage(karights, "-o and --until are for -a")
	}
	nodes, err := r.patterns(karights, c.StringSlice("machine"), c.StringSlice("file"))
	if err != nil {
		return err
	}
	if c.Bool("list") {
		return r.withServer(c, func(svc Service) error { return r.rightsList(c.Context, svc, c.String("user"), nodes, asJSON) })
	}
	part := c.String("part")
	if !c.IsSet("part") {
		part = rights.All
	}
	return r.changeRights(c, grant{add: c.Bool("add"), user: c.String("user"), nodes: nodes, part: part, until: c.String("until"),
		overwrite: c.Bool("overwrite-rights")}, asJSON)
}

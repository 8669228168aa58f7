package command

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// kaenv is the name of the command of Kadeploy3. Its short options are its own.
const kaenv = "kaenv"

func (r *runner) kaenvCommand() *cli.Command {
	return &cli.Command{
		Name: kaenv, Usage: "kadeploy env with the options of Kadeploy3", Description: kaenvHelp, ArgsUsage: "[PATTERN]",
		Flags: join([]cli.Flag{
			&cli.StringFlag{Name: "add", Aliases: []string{"a"}, Usage: "add the environment described in `FILE`"},
			&cli.StringFlag{Name: "delete", Aliases: []string{"d"}, Usage: "remove the environment `NAME`"},
			toggle("list environments; of a pattern with % for any characters", "list", "l"),
			&cli.StringFlag{Name: "print", Aliases: []string{"p"}, Usage: "show the description of the environment `NAME`"},
			toggle("with -d and -l: not the newest version only", "show-all-versions", "s"),
		}, ownerFlags("the environments of `USER`"), []cli.Flag{
			outputFlag(),
			&cli.StringFlag{Name: "server", Usage: "the server is at `HOST:PORT` (default: $KADEPLOY_SERVER, then " + defaultServer + ")"},
		}),
		Action: r.kaenv,
	}
}

func (r *runner) kaenv(c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	asked := 0
	for _, f := range []string{"add", "delete", "list", "print"} {
		if c.IsSet(f) {
			asked++
		}
	}
	switch {
	case asked != 1:
		return usage(kaenv, "say one of -a, -d, -l and -p")
	case c.NArg() > 1 || c.NArg() == 1 && !c.Bool("list"):
		return usage(kaenv, "unexpected argument %q", c.Args().Get(c.NArg()-1))
	case c.Bool("list"):
		pattern := strings.ReplaceAll(c.Args().First(), "%", "*")
		return r.envList(c, pattern, c.String("user"), c.Bool("show-all-versions"), asJSON)
	case c.IsSet("add"):
		return r.envAdd(c, "-a", c.String("add"), "", asJSON)
	}
	ref, err := envRef(c, c.String("delete")+c.String("print"))
	if err != nil {
		return err
	}
	if c.IsSet("print") {
		return r.envShow(c, ref, asJSON)
	}
	return r.envRemove(c, ref, c.Bool("show-all-versions"), asJSON)
}

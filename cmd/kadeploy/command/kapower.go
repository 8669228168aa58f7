package command

import (
	"github.com/urfave/cli/v2"
)

// kapower is the name of the command of Kadeploy3. Its options are its own.
const kapower = "kapower"

func (r *runner) kapowerCommand() *cli.Command {
	return &cli.Command{
		Name: kapower, Usage: "kadeploy power with the options of Kadeploy3", Description: kapowerHelp,
		Flags: join([]cli.Flag{
			toggle("switch the nodes on", "on"), toggle("switch the nodes off", "off"), toggle("show whether the nodes are on", "status"),
			&cli.StringFlag{Name: "level", Aliases: []string{"l"}, Usage: "`LEVEL`: soft, hard or very_hard (default: soft)"},
		}, nodeFlags(), waitFlags(), fileFlags(), []cli.Flag{
			outputFlag(),
			&cli.StringFlag{Name: "server", Usage: "the server is at `HOST:PORT` (default: $KADEPLOY_SERVER, then " + defaultServer + ")"},
		}),
		Action: func(c *cli.Context) error {
			var verbs []string
			for _, verb := range []string{"on", "off", "status"} {
				if c.Bool(verb) {
					verbs = append(verbs, verb)
				}
			}
			if err := noArguments(c); err != nil {
				return err
			}
			if len(verbs) != 1 {
				return usage(kapower, "say one of --on, --off and --status")
			}
			return r.power(c, verbs[0])
		},
	}
}

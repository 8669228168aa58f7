package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/argv"
	"github.com/kadeploy/kadeploy/internal/catalogue"
)

func (r *runner) envCommand() *cli.Command {
	return &cli.Command{
		Name: "env", Usage: "the catalogue of environments", Description: envHelp,
		ArgsUsage: "add FILE | list [PATTERN] | show NAME[:VERSION] | rm NAME[:VERSION] | verify NAME[:VERSION] | update NAME | set NAME[:VERSION] | move FROM=TO...",
		Flags: join([]cli.Flag{
			toggle("add, set: everybody may deploy it (for admins)", "public"),
			toggle("add, set: whoever names its owner may deploy it", "shared"),
			toggle("add, set: nobody else may", "private"),
			&cli.StringFlag{Name: "destructive", Usage: "set: `YES` or no, the description's tag"},
			toggle("list, rm, set: not the newest version only", "all-versions"),
			toggle("move: say what would be moved, change nothing", "dry-run"),
		}, ownerFlags("the environments of `USER`"), []cli.Flag{outputFlag()}, serverFlags()),
		Action: r.env,
	}
}

// ownerFlags say whose environment a name means, and which version.
func ownerFlags(whose string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "user", Aliases: []string{"u"}, Usage: whose + " (default: one's own, or else a public one)"},
		&cli.StringFlag{Name: "env-version", Usage: "the environment's `VERSION`, a number (default: the newest)"},
	}
}

func (r *runner) env(c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	verb, args, err := verbOf(c, map[string][]string{
		"add": {"public", "shared", "private", "user"}, "list": {"all-versions", "user"}, "show": {"user", "env-version"},
		"rm": {"all-versions", "user", "env-version"}, "verify": {"user", "env-version"}, "update": {"user", "env-version"},
		"set": {"public", "shared", "private", "destructive", "all-versions", "user", "env-version"}, "move": {"dry-run"},
	})
	if err != nil {
		return err
	}
	switch {
	case verb == "move" && len(args) == 0:
		return usage("env", "no files: kadeploy env move FROM=TO")
	case verb == "move":
		return r.envMove(c, args, c.Bool("dry-run"), asJSON)
	case len(args) > 1:
		return usage("env", "unexpected argument %q", args[1])
	case verb == "list":
		pattern := ""
		if len(args) == 1 {
			pattern = args[0]
		}
		return r.envList(c, pattern, c.String("user"), c.Bool("all-versions"), asJSON)
	case len(args) == 0 && verb == "add":
		return usage("env", "no file: kadeploy env add FILE")
	case len(args) == 0:
		return usage("env", "no environment: kadeploy env %s NAME", verb)
	case verb == "add":
		visibility, err := visibilityOf(c)
		if err != nil {
			return err
		}
		return r.envAdd(c, "add", args[0], visibility, asJSON)
	}
	ref, err := envRef(c, args[0])
	if err != nil {
		return err
	}
	switch verb {
	case "show":
		return r.envShow(c, ref, asJSON)
	case "rm":
		return r.envRemove(c, ref, c.Bool("all-versions"), asJSON)
	case "update":
		return r.envUpdate(c, ref, nil, asJSON)
	case "set":
		want, err := envWanted(c, ref)
		if err != nil {
			return err
		}
		return r.envSet(c, want, asJSON)
	}
	return r.envVerify(c, ref, asJSON)
}

func visibilityOf(c *cli.Context) (string, error) {
	chosen := ""
	for _, v := range []string{catalogue.Public, catalogue.Shared, catalogue.Private} {
		if !c.Bool(v) {
			continue
		}
		if chosen != "" {
			return "", usage("env", "--%s or --%s, not both", chosen, v)
		}
		chosen = v
	}
	return chosen, nil
}

// envWanted is what the flags of set say.
func envWanted(c *cli.Context, ref *message.EnvRef) (*message.EnvSet, error) {
	visibility, err := visibilityOf(c)
	if err != nil {
		return nil, err
	}
	want := &message.EnvSet{Env: ref, AllVersions: c.Bool("all-versions"), Visibility: visibility}
	switch tag := c.String("destructive"); {
	case tag == "yes" || tag == "no":
		yes := tag == "yes"
		want.Destructive = &yes
	case c.IsSet("destructive"):
		return nil, usage("env", "--destructive %q: say yes or no", tag)
	case visibility == "":
		return nil, usage("env", "nothing to set: say --private, --shared, --public or --destructive")
	}
	return want, nil
}

// envRef reads NAME[:VERSION], with the flags of the owner and the version.
func envRef(c *cli.Context, text string) (*message.EnvRef, error) {
	name, version, err := catalogue.ParseRef(text)
	if err != nil {
		return nil, usage(c.Command.Name, "%w", err)
	}
	if given := c.String("env-version"); c.IsSet("env-version") {
		if version != catalogue.Newest {
			return nil, usage(c.Command.Name, "%s: the version is given twice", text)
		}
		if _, version, err = catalogue.ParseRef("x:" + given); err != nil || version == catalogue.Newest {
			return nil, usage(c.Command.Name, "--env-version %s: not a number", given)
		}
	}
	ref := &message.EnvRef{Name: name, User: c.String("user")}
	if version != catalogue.Newest {
		n := uint32(version)
		ref.Version = &n
	}
	return ref, nil
}

// envAdd reports everything that is wrong with the description here, where its file is.
func (r *runner) envAdd(c *cli.Context, flag, file, visibility string, asJSON bool) error {
	text, path, err := readDescription(c.Command.Name, flag, file)
	if err != nil {
		return err
	}
	if _, problems := config.ParseEnvironment(text, path); problems.HasErrors() {
		if err := problems.WriteText(r.Stderr); err != nil {
			return err
		}
		return &argv.Failure{Code: exitUsage, Err: fmt.Errorf("%s is no good description: nothing was added", file)}
	}
	return r.withServer(c, func(svc Service) error {
		added, err := await(c.Context, r, 0, func(ctx context.Context) (*message.Env, error) {
			return svc.EnvAdd(ctx, &message.EnvAdd{Environment: text, EnvironmentPath: path, Visibility: visibility, User: c.String("user")})
		})
		if errors.Is(err, errInterrupted) {
			return &argv.Failure{Code: exitInterrupted, Err: errors.New("interrupted before the server answered"),
				Hint: "it goes on reading: kadeploy env list shows the environment when it is there"}
		}
		if err != nil {
			return err
		}
		return r.envSaid(added, asJSON, "is in the catalogue, "+cmp.Or(added.GetVisibility(), "?"))
	})
}

func (r *runner) envVerify(c *cli.Context, ref *message.EnvRef, asJSON bool) error {
	return r.withServer(c, func(svc Service) error {
		good, err := await(c.Context, r, 0, func(ctx context.Context) (*message.Env, error) { return svc.EnvVerify(ctx, ref) })
		if err != nil {
			return err
		}
		return r.envSaid(good, asJSON, "is good: its files were read again and are what they were")
	})
}

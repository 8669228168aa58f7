package command

import (
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/actors/message"
)

// kaenv is the name of the command of Kadeploy3. Its short options are its own.
const kaenv = "kaenv"

// What kaenv is asked for, by the names of its options, and the options that each takes. The digests of 2009 were MD5s, and are checksums
// since 3.1.6.
var (
	kaenvUpdates = map[string]string{"update-image-md5": "image", "update-preinstall-md5": "preinstall", "update-postinstalls-md5": "postinstalls"}
	kaenvActions = map[string][]string{
		"add": nil, "delete": {"show-all-versions", "user", "env-version"}, "list": {"show-all-versions", "user"}, "print": {"user", "env-version"},
		"update-image-md5": {"user", "env-version"}, "update-preinstall-md5": {"user", "env-version"}, "update-postinstalls-md5": {"user", "env-version"},
		"set-visibility-tag":     {"visibility-tag", "show-all-versions", "user", "env-version"},
		"toggle-destructive-tag": {"show-all-versions", "user", "env-version"}, "move-files": {"files-to-move", "dry-run"},
	}
)

func (r *runner) kaenvCommand() *cli.Command {
	update := func(part string) cli.Flag {
		return &cli.StringFlag{Name: "update-" + part + "-md5", Aliases: []string{"update-" + part + "-checksum"},
			Usage: "read the files of the environment `NAME` again; the next version has what is now its " + part}
	}
	return &cli.Command{
		Name: kaenv, Usage: "kadeploy env with the options of Kadeploy3", Description: kaenvHelp, ArgsUsage: "[PATTERN]",
		Flags: join([]cli.Flag{
			&cli.StringFlag{Name: "add", Aliases: []string{"a"}, Usage: "add the environment described in `FILE`"},
			&cli.StringFlag{Name: "delete", Aliases: []string{"d"}, Usage: "remove the environment `NAME`"},
			toggle("list environments; of a pattern with % for any characters", "list", "l"),
			&cli.StringFlag{Name: "print", Aliases: []string{"p"}, Usage: "show the description of the environment `NAME`"},
			update("image"), update("preinstall"), update("postinstalls"),
			&cli.StringFlag{Name: "set-visibility-tag", Usage: "let the environment `NAME` be what -t says"},
			&cli.StringFlag{Name: "visibility-tag", Aliases: []string{"t"}, Usage: "`TAG`: private, shared or public"},
			&cli.StringFlag{Name: "toggle-destructive-tag", Usage: "tag the environment `NAME` destructive, or take the tag away"},
			toggle("give the files of -m other places in all environments (for admins)", "move-files"),
			repeatable{&cli.StringSliceFlag{Name: "files-to-move", Aliases: []string{"m"}, Usage: "`FROM::TO` of files or directories, separated by commas (may be repeated)"}},
			toggle("with --move-files: say what would be moved, change nothing", "dry-run"),
			toggle("with -d, -l and the tags: not the newest version only", "show-all-versions", "s"),
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
	asked := slices.DeleteFunc(slices.Collect(maps.Keys(kaenvActions)), func(f string) bool { return !c.IsSet(f) })
	if len(asked) != 1 {
		return usage(kaenv, "say one of -a, -d, -l, -p, --update-image-md5, --update-preinstall-md5, --update-postinstalls-md5, --set-visibility-tag, --toggle-destructive-tag and --move-files")
	}
	action, everyVersion := asked[0], c.Bool("show-all-versions")
	if f := stray(c, kaenvActions, action); f != "" {
		return usage(kaenv, "--%s is not for kaenv --%s", f, action)
	}
	switch {
	case c.NArg() > 1 || c.NArg() == 1 && action != "list":
		return usage(kaenv, "unexpected argument %q", c.Args().Get(c.NArg()-1))
	case action == "list":
		pattern := strings.ReplaceAll(c.Args().First(), "%", "*")
		return r.envList(c, pattern, c.String("user"), everyVersion, asJSON)
	case action == "add":
		return r.envAdd(c, "-a", c.String("add"), "", asJSON)
	case action == "move-files":
		return r.kaenvMove(c, asJSON)
	}
	ref, err := envRef(c, c.String(action))
	if err != nil {
		return err
	}
	switch action {
	case "print":
		return r.envShow(c, ref, asJSON)
	case "delete":
		return r.envRemove(c, ref, everyVersion, asJSON)
	case "toggle-destructive-tag":
		return r.envToggle(c, ref, everyVersion, asJSON)
	case "set-visibility-tag":
		if !c.IsSet("visibility-tag") {
			return usage(kaenv, "--set-visibility-tag needs -t with private, shared or public")
		}
		return r.envSet(c, &message.EnvSet{Env: ref, AllVersions: everyVersion, Visibility: c.String("visibility-tag")}, asJSON)
	}
	return r.envUpdate(c, ref, []string{kaenvUpdates[action]}, asJSON)
}

// kaenvMove reads the moves, which may stand in one word.
func (r *runner) kaenvMove(c *cli.Context, asJSON bool) error {
	var words []string
	for _, list := range c.StringSlice("files-to-move") {
		words = append(words, strings.Split(list, ",")...)
	}
	if len(words) == 0 {
		return usage(kaenv, "--move-files needs -m FROM::TO")
	}
	return r.envMove(c, words, c.Bool("dry-run"), asJSON)
}

package command

import (
	"context"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/rights"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// enrolled is one of the "users" in the JSON of kadeploy user list.
type enrolled struct {
	Name  string `json:"name"`
	Admin bool   `json:"admin"`
	Since string `json:"since"` // RFC 3339
}

// enrolment is the JSON of kadeploy user add.
type enrolment struct {
	enrolled
	Token   string  `json:"token"`
	Pin     string  `json:"pin"`
	Seconds float64 `json:"seconds"` // that the token lives
	Command string  `json:"command"`
}

func (r *runner) userCommand() *cli.Command {
	return &cli.Command{
		Name: "user", Usage: "enrol and delete users", ArgsUsage: "add NAME | del NAME | list", Description: userHelp,
		Flags: join([]cli.Flag{
			toggle("add: the user may do everything", "admin"),
			&cli.DurationFlag{Name: "life", Usage: "add: the token dies after `TIME`, like 30m or 8h (default: the server's, an hour)"},
			outputFlag(),
		}, serverFlags()),
		Action: r.user,
	}
}

func (r *runner) user(c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	verb, args, err := verbOf(c, map[string][]string{"add": {"admin", "life"}, "del": nil, "list": nil})
	if err != nil {
		return err
	}
	if verb == "list" {
		if len(args) > 0 {
			return usage("user", "unexpected argument %q", args[0])
		}
		return r.withServer(c, func(svc Service) error { return r.userList(c.Context, svc, asJSON) })
	}
	if len(args) != 1 {
		return usage("user", "user %s: one name, for example kadeploy user %s alice", verb, verb)
	}
	if err := rights.CheckName(args[0]); err != nil {
		return usage("user", "%w", err)
	}
	if verb == "del" {
		return r.withServer(c, func(svc Service) error { return r.userDel(c.Context, svc, args[0]) })
	}
	if c.IsSet("life") && c.Duration("life") <= 0 {
		return usage("user", "--life %s: must be longer than nothing", c.Duration("life"))
	}
	return r.withServer(c, func(svc Service) error { return r.userAdd(c, svc, args[0], asJSON) })
}

// verbOf takes the first argument, which says what to do, and refuses the options of other verbs.
func verbOf(c *cli.Context, verbs map[string][]string) (verb string, args []string, err error) {
	command := c.Command.Name
	verb = c.Args().First()
	if _, known := verbs[verb]; !known {
		names := slices.Sorted(maps.Keys(verbs))
		last := len(names) - 1
		say := strings.Join(names[:last], ", ") + " or " + names[last]
		if verb == "" {
			return "", nil, usage(command, "say kadeploy %s %s", command, say)
		}
		return "", nil, usage(command, "unknown: kadeploy %s %s; say %s", command, verb, say)
	}
	if f := stray(c, verbs, verb); f != "" {
		return "", nil, usage(command, "--%s is not for kadeploy %s %s", f, command, verb)
	}
	return verb, c.Args().Tail(), nil
}

// stray is a flag that is set and that only other verbs take; "": there is none.
func stray(c *cli.Context, verbs map[string][]string, verb string) string {
	for _, other := range slices.Sorted(maps.Keys(verbs)) {
		for _, f := range verbs[other] {
			if c.IsSet(f) && !slices.Contains(verbs[verb], f) {
				return f
			}
		}
	}
	return ""
}

// userAdd writes the line that the user is to type, alone on standard output.
func (r *runner) userAdd(c *cli.Context, svc Service, name string, asJSON bool) error {
	answer, err := await(c.Context, r, 0, func(ctx context.Context) (*message.UserToken, error) {
		return svc.UserAdd(ctx, name, c.Bool("admin"), c.Duration("life"))
	})
	if err != nil {
		return err
	}
	server, err := r.server(c)
	if err != nil {
		return err
	}
	login := fmt.Sprintf("KADEPLOY_TOKEN=%s kadeploy login %s --pin %s", shellWord(answer.GetToken()), shellWord(server), shellWord(answer.GetPin()))
	life := answer.GetLife().AsDuration()
	if asJSON {
		return r.writeJSON(enrolment{newEnrolled(answer.GetUser()), answer.GetToken(), answer.GetPin(), life.Seconds(), login})
	}
	what := "user"
	if answer.GetUser().GetAdmin() {
		what = "admin"
	}
	fmt.Fprintf(r.Stderr, "%s %s: this line logs in once, within %s; it is as good as a password:\n", what, name, wording.Elapsed(life))
	fmt.Fprintln(r.Stdout, login)
	if onThisMachine(server) {
		host, _, _ := net.SplitHostPort(server)
		fmt.Fprintf(r.Stderr, "on another machine %s is not this server: for users there set kadeploy_server in deploy.conf to its name\n", host)
	}
	return nil
}

// plainWord needs no quotes in any shell.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+$`)

func shellWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(wording.Clean(text), "'", `'\''`) + "'"
}

func (r *runner) userDel(ctx context.Context, svc Service, name string) error {
	_, err := await(ctx, r, 0, func(ctx context.Context) (struct{}, error) { return struct{}{}, svc.UserDel(ctx, name) })
	if err != nil {
		return err
	}
	fmt.Fprintf(r.Stdout, "user %s is deleted\n", name)
	return nil
}

func (r *runner) userList(ctx context.Context, svc Service, asJSON bool) error {
	answer, err := await(ctx, r, 0, svc.UserList)
	if err != nil {
		return err
	}
	users := []enrolled{}
	rows := [][]string{{"USER", "ADMIN", "SINCE"}}
	for _, u := range answer.GetUsers() {
		e := newEnrolled(u)
		users = append(users, e)
		rows = append(rows, []string{e.Name, yesNo(e.Admin), local(e.Since)})
	}
	switch {
	case asJSON:
		return r.writeJSON(map[string]any{"users": users})
	case len(users) == 0:
		fmt.Fprintln(r.Stdout, "no users")
	default:
		wording.Table(r.Stdout, rows)
	}
	return nil
}

func newEnrolled(u *message.User) enrolled {
	return enrolled{wording.Clean(u.GetName()), u.GetAdmin(), rfc3339(u.GetSince())}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

package command

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/nodeset"
	"github.com/kadeploy/kadeploy/internal/rights"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// rightsAnswer is the JSON of kadeploy rights.
type rightsAnswer struct {
	Rights []right `json:"rights"`
	Lost   []lost  `json:"lost"` // by others, or by the user himself
}

type right struct {
	User  string `json:"user"`  // "*": everybody
	Nodes string `json:"nodes"` // a node set; "*": every node
	Part  string `json:"part"`  // "*": every partition
	Until string `json:"until"` // RFC 3339; "": for ever
	By    string `json:"by"`
	Since string `json:"since"` // RFC 3339
}

type lost struct {
	User  string `json:"user"`
	Nodes string `json:"nodes"`
}

func (r *runner) rightsCommand() *cli.Command {
	return &cli.Command{
		Name: "rights", Usage: "give and take rights to nodes", ArgsUsage: "add USER NODES... | del USER NODES... | list [USER]", Description: rightsHelp,
		Flags: join(nodeFlags(), []cli.Flag{
			&cli.StringFlag{Name: "part", Aliases: []string{"p"}, Usage: "add, del: `PARTITION`, a number, or * for every one (default: *)"},
			&cli.StringFlag{Name: "until", Usage: "add: the right ends at `TIME`: 2h, 18:30, 2026-01-31T18:30:00Z (default: never)"},
			toggle("add: take the nodes from others, and end their operations there", "overwrite"),
			outputFlag(),
		}, serverFlags()),
		Action: r.rights,
	}
}

func (r *runner) rights(c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	verb, args, err := verbOf(c, map[string][]string{"add": {"part", "until", "overwrite"}, "del": {"part"}, "list": nil})
	if err != nil {
		return err
	}
	user := ""
	if len(args) > 0 {
		user, args = args[0], args[1:]
	}
	if verb == "list" && len(args) > 0 {
		return usage("rights", "unexpected argument %q; nodes are given by -m NODES", args[0])
	}
	nodes, err := r.patterns("rights", append(args, c.StringSlice("machine")...), c.StringSlice("file"))
	if err != nil {
		return err
	}
	if verb == "list" {
		return r.withServer(c, func(svc Service) error { return r.rightsList(c.Context, svc, user, nodes, asJSON) })
	}
	part := c.String("part")
	if !c.IsSet("part") {
		part = rights.All
	}
	return r.changeRights(c, grant{add: verb == "add", user: user, nodes: nodes, part: part, until: c.String("until"), overwrite: c.Bool("overwrite")}, asJSON)
}

// grant is a right to be given or taken, as it was typed.
type grant struct {
	add         bool
	user        string
	nodes       []string
	part, until string
	overwrite   bool
}

// changeRights checks what can be checked here, and asks the server.
func (r *runner) changeRights(c *cli.Context, g grant, asJSON bool) error {
	command := c.Command.Name
	switch {
	case g.user == "":
		return usage(command, "no user: name one, or * for everybody")
	case len(g.nodes) == 0:
		return usage(command, "no nodes: name some, or * for every node")
	}
	if g.user != rights.All {
		if err := rights.CheckName(g.user); err != nil {
			return usage(command, "%w", err)
		}
	}
	part, err := rights.Part(g.part)
	if err != nil {
		return usage(command, "%w", err)
	}
	var until *timestamppb.Timestamp
	if g.until != "" {
		t, err := rights.Until(g.until, time.Now())
		if err != nil {
			return usage(command, "--until: %w", err)
		}
		until = timestamppb.New(t)
	}
	return r.withServer(c, func(svc Service) error {
		answer, err := await(c.Context, r, 0, func(ctx context.Context) (*message.Rights, error) {
			if g.add {
				return svc.RightsAdd(ctx, &message.RightsAdd{User: g.user, Nodes: g.nodes, Part: part, Until: until, Overwrite: g.overwrite})
			}
			return svc.RightsDel(ctx, &message.RightsDel{User: g.user, Nodes: g.nodes, Part: part})
		})
		if err != nil {
			return err
		}
		return r.showRights(answer, asJSON)
	})
}

// patterns gathers patterns of nodes, which the server matches against the nodes it has, and the nodes of files.
func (r *runner) patterns(command string, sets, files []string) ([]string, error) {
	for _, p := range sets {
		if _, err := nodeset.Expand(p); err != nil {
			return nil, usage(command, "%s: %w", p, err)
		}
	}
	if len(files) == 0 {
		return sets, nil
	}
	names, err := readNodes(command, nil, files, r.Stdin)
	if err != nil {
		return nil, err
	}
	return append(sets, nodeset.Fold(names)), nil
}

func (r *runner) rightsList(ctx context.Context, svc Service, user string, nodes []string, asJSON bool) error {
	answer, err := await(ctx, r, 0, func(ctx context.Context) (*message.Rights, error) { return svc.RightsList(ctx, user, nodes) })
	if err != nil {
		return err
	}
	return r.showRights(answer, asJSON)
}

func (r *runner) showRights(m *message.Rights, asJSON bool) error {
	clean := wording.Clean
	out := rightsAnswer{Rights: []right{}, Lost: []lost{}}
	rows := [][]string{{"USER", "NODES", "PART", "UNTIL", "BY", "SINCE"}}
	for _, g := range m.GetRights() {
		w := right{clean(g.GetUser()), printable(g.GetNodes()), clean(g.GetPart()), rfc3339(g.GetUntil()), clean(g.GetBy()), rfc3339(g.GetSince())}
		out.Rights = append(out.Rights, w)
		rows = append(rows, []string{w.User, w.Nodes, w.Part, local(w.Until), w.By, local(w.Since)})
	}
	for _, l := range m.GetLost() {
		out.Lost = append(out.Lost, lost{clean(l.GetUser()), printable(l.GetNodes())})
	}
	if asJSON {
		return r.writeJSON(out)
	}
	if len(out.Rights) == 0 {
		fmt.Fprintln(r.Stdout, "no rights")
	} else {
		wording.Table(r.Stdout, rows)
	}
	for _, l := range out.Lost {
		fmt.Fprintf(r.Stdout, "taken from %s: %s\n", l.User, l.Nodes)
	}
	return nil
}

// printable is wording.Clean for node sets, which may be longer than it lets pass.
func printable(nodes string) string {
	names, err := nodeset.Expand(nodes)
	if err != nil {
		return wording.Clean(nodes)
	}
	for _, n := range names {
		if wording.Clean(n) != n {
			return wording.Clean(nodes)
		}
	}
	return nodes
}

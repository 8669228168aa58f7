package command

import (
	"context"
	"embed"
	"fmt"
	"regexp"
	"strings"
	"text/template"
	"time"

	"github.com/urfave/cli/v2"
)

//go:embed completion.bash completion.zsh completion.fish
var scripts embed.FS

// words is what the completion scripts are made of.
type words struct {
	Commands []wordsOf
	Shells   string
}

type wordsOf struct {
	Name, Usage string
	Flags       []string // with their dashes
}

func (r *runner) completionCommand() *cli.Command {
	return &cli.Command{
		Name: "completion", Usage: "write the completion script of a shell", ArgsUsage: "bash|zsh|fish", Description: completionHelp,
		Action: func(c *cli.Context) error {
			shell := c.Args().First()
			switch shell {
			case "bash", "zsh", "fish":
			case "":
				return usage("completion", "no shell: give bash, zsh or fish")
			default:
				return usage("completion", "no completion for %q: bash, zsh or fish", shell)
			}
			t, err := template.New(shell).Funcs(template.FuncMap{"join": strings.Join}).ParseFS(scripts, "completion."+shell)
			if err != nil {
				return fmt.Errorf("completion: %w", err)
			}
			return t.ExecuteTemplate(r.Stdout, "completion."+shell, newWords(c.App))
		},
	}
}

func newWords(app *cli.App) words {
	w := words{Shells: "bash zsh fish"}
	for _, c := range visible(app.Commands) {
		of := wordsOf{Name: c.Name, Usage: c.Usage, Flags: []string{"--help"}}
		for _, f := range c.Flags {
			for _, name := range f.Names() {
				if of.Flags = append(of.Flags, "--"+name); len(name) == 1 {
					of.Flags[len(of.Flags)-1] = "-" + name
				}
			}
		}
		w.Commands = append(w.Commands, of)
	}
	return w
}

// completeTime is how long a person who pressed Tab waits for the server.
const completeTime = time.Second

// plain are the names that every shell takes as they are.
var plain = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// completeCommand is what the scripts ask: names of nodes or environments or IDs of operations, one a line, silently none on any trouble.
func (r *runner) completeCommand() *cli.Command {
	return &cli.Command{
		Name: "complete", Hidden: true, Usage: "names for completion", ArgsUsage: "nodes|operations|environments", Flags: serverFlags(),
		Action: func(c *cli.Context) error {
			ctx, cancel := context.WithTimeout(c.Context, completeTime)
			defer cancel()
			c.Context = ctx
			return r.withServer(c, func(svc Service) error {
				names, err := candidates(ctx, svc, c.Args().First())
				for _, name := range names {
					if plain.MatchString(name) {
						fmt.Fprintln(r.Stdout, name)
					}
				}
				return err
			})
		},
	}
}

func candidates(ctx context.Context, svc Service, kind string) ([]string, error) {
	var names []string
	switch kind {
	case "nodes":
		answer, err := svc.Nodes(ctx)
		if err != nil {
			return nil, err
		}
		for _, n := range answer.GetNodes() {
			names = append(names, n.GetName())
		}
	case "environments":
		answer, err := svc.EnvList(ctx, "", "", false)
		if err != nil {
			return nil, err
		}
		for _, e := range answer.GetEnvironments() {
			names = append(names, e.GetName())
		}
	case "operations":
		answer, err := svc.Status(ctx, "")
		if err != nil {
			return nil, err
		}
		for _, o := range answer.GetOperations() {
			names = append(names, o.GetId())
		}
	}
	return names, nil
}

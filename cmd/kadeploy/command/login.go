package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/internal/argv"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// maxToken bounds what is read as a token; ours have 52 characters.
const maxToken = 256

const loginHelp = `Enrols this machine at a server, once: a key is made here, which never leaves, and the server certifies it for the token that an
administrator got from "kadeploy user add". The certificate lives for hours and is renewed by every later command; after a week
without one, ask for another token.

On the server's own machine no login is needed.

The token is read from the environment (KADEPLOY_TOKEN), a file (--token-file, - is standard input) or, if it must be, the command
line (--token), where other users of the machine may see it.

Examples:
  KADEPLOY_TOKEN=...  kadeploy login ka.example.org --pin sha256:...
  kadeploy login ka.example.org:25300 --pin sha256:... --token-file - < token`

func (r *runner) loginCommand() *cli.Command {
	return &cli.Command{
		Name: "login", Usage: "enrol this machine at a server", ArgsUsage: "SERVER", Description: loginHelp,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "pin", Usage: "what the server is known by: `sha256:HEX`, as user add prints it"},
			&cli.StringFlag{Name: "token", Usage: "the `TOKEN`; better from the environment or a file"},
			&cli.StringFlag{Name: "token-file", Usage: "read the token from `FILE`; - is standard input"},
		},
		Action: r.login,
	}
}

func (r *runner) login(c *cli.Context) error {
	if c.Args().Len() != 1 {
		return usage("login", "one server, for example kadeploy login ka.example.org --pin sha256:...")
	}
	server, err := address("login", "SERVER", c.Args().First())
	if err != nil {
		return err
	}
	if c.String("pin") == "" {
		return usage("login", "--pin is missing: it is in the line that kadeploy user add has printed")
	}
	token, err := r.token(c)
	if err != nil {
		return err
	}
	r.interrupts = r.Interrupts()
	user, err := await(c.Context, r, 0, func(ctx context.Context) (string, error) {
		return r.Login(ctx, client.LoginConfig{Server: server, Pin: c.String("pin"), Token: token})
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(r.Stdout, "logged in at %s as %s\n", server, wording.Clean(user))
	return nil
}

// token is the first that is given: --token, --token-file, the environment.
func (r *runner) token(c *cli.Context) (string, error) {
	if c.IsSet("token") && c.IsSet("token-file") {
		return "", usage("login", "--token and --token-file: one of them")
	}
	token := r.Getenv("KADEPLOY_TOKEN")
	if c.IsSet("token") {
		token = c.String("token")
	}
	if c.IsSet("token-file") {
		text, err := r.readToken(c.String("token-file"))
		if err != nil {
			return "", &argv.Failure{Code: exitUsage, Err: fmt.Errorf("--token-file %s: %w", c.String("token-file"), wording.Bare(err))}
		}
		token = text
	}
	switch token = strings.TrimSpace(token); {
	case token == "":
		return "", usage("login", "no token: set KADEPLOY_TOKEN or give --token-file; an administrator gets one from kadeploy user add")
	case len(token) > maxToken:
		return "", usage("login", "that is no token: it has more than %d characters", maxToken)
	}
	return token, nil
}

func (r *runner) readToken(name string) (string, error) {
	in := r.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxToken+1))
	return string(text), err
}

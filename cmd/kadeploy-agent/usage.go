package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/internal/argv"
	"github.com/kadeploy/kadeploy/internal/broadcast"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// complain writes the last word on standard error, one line, and returns the exit code.
func complain(err error) int {
	code := 1
	var f *argv.Failure
	if errors.As(err, &f) {
		if code = f.Code; f.Err == nil {
			return code
		}
	}
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "kadeploy-agent:", wording.Clean(strings.ReplaceAll(err.Error(), "\n", "; ")))
	return code
}

// usage is a command line of the tool that cannot be right.
func usage(command, format string, args ...any) error {
	return &argv.Failure{Code: broadcast.ExitUsage, Err: fmt.Errorf("%w (see kadeploy-agent %s --help)", fmt.Errorf(format, args...), command)}
}

// commandOf is the command as its user typed it, without the program.
func commandOf(c *cli.Context) string { return strings.TrimPrefix(c.Command.HelpName, c.App.Name+" ") }

// usageError words the errors of the flag parser.
func usageError(c *cli.Context, err error, _ bool) error {
	return usage(commandOf(c), "%w", argv.Misuse(c, err))
}

// ordered puts the words of a chain command into the parser's order; flags may stand anywhere.
func ordered(chain *cli.Command, words []string) ([]string, error) {
	if len(words) < 2 || words[1] != chain.Name {
		return words, nil
	}
	known := chain.Subcommands
	for _, sub := range known {
		if len(words) > 2 && words[2] == sub.Name {
			known = []*cli.Command{sub}
		}
	}
	out, err := argv.Syntax{Commands: known}.Order(words[1:])
	var wrong *argv.Error
	switch {
	case err == nil && len(out) > 1 && out[1] == "help":
		return append([]string{words[0], chain.Name, "--help"}, out[2:]...), nil
	case err == nil:
		return append(words[:1:1], out...), nil
	case errors.As(err, &wrong) && wrong.Command != "":
		return nil, usage(chain.Name+" "+wrong.Command, "%w", err)
	}
	return nil, usage(chain.Name, "%w", err)
}

// repeatable is a flag that may be given several times, without the parser's own way of saying so in the help.
type repeatable struct{ *cli.StringSliceFlag }

func (repeatable) IsSliceFlag() bool { return false }
func (f repeatable) String() string  { return cli.FlagStringer(f) }

// toggle is a flag without a value.
func toggle(usage, name string) cli.Flag {
	return &cli.BoolFlag{Name: name, Usage: usage, DisableDefaultText: true}
}

// noArguments refuses words that belong to no flag.
func noArguments(c *cli.Context) error {
	if c.NArg() == 0 {
		return nil
	}
	return usage(commandOf(c), "unexpected argument %q", c.Args().First())
}

// positive refuses times below zero.
func positive(c *cli.Context, names ...string) error {
	for _, name := range names {
		if d := c.Duration(name); d < 0 {
			return usage(commandOf(c), "--%s %v: want a time such as 2s, not below 0", name, d)
		}
	}
	return nil
}

// quantity reads a flag that is a number with a unit; 0 without it.
func quantity(c *cli.Context, flag string, parse func(string) (int64, error)) (int64, error) {
	text := c.String(flag)
	if text == "" {
		return 0, nil
	}
	n, err := parse(text)
	if err != nil {
		return 0, usage(commandOf(c), "--%s %w", flag, err)
	}
	return n, nil
}

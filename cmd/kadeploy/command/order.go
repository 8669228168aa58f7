package command

import (
	"errors"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/internal/argv"
)

// ordered puts the words in the parser's order. karights must come first: its options mean other things than elsewhere.
func ordered(commands []*cli.Command, words []string) ([]string, error) {
	old := len(words) > 1 && words[1] == karights
	commands = slices.DeleteFunc(slices.Clone(commands), func(c *cli.Command) bool { return (c.Name == karights) != old })
	out, err := argv.Syntax{Commands: commands, Optional: optionalValue}.Order(words)
	var wrong *argv.Error
	switch {
	case err == nil:
		return out, nil
	case errors.As(err, &wrong) && wrong.Flag != "":
		return nil, usage("", "%w, for example kadeploy deploy or kadeploy start", err)
	case wrong != nil:
		return nil, usage(wrong.Command, "%w", err)
	}
	return nil, err
}

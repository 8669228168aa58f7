package command

import (
	"errors"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/internal/argv"
)

// ordered puts the words in the parser's order. An old command must come first: its options mean other things than elsewhere.
func ordered(commands []*cli.Command, words []string) ([]string, error) {
	old := ""
	if len(words) > 1 && slices.Contains(oldCommands, words[1]) {
		old = words[1]
	}
	commands = slices.DeleteFunc(slices.Clone(commands), func(c *cli.Command) bool {
		return old != "" && c.Name != old || old == "" && slices.Contains(oldCommands, c.Name)
	})
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

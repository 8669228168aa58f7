package command

import (
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/internal/argv"
)

// ordered puts the words in the parser's order.
func ordered(commands []*cli.Command, words []string) ([]string, error) {
	out, err := argv.Syntax{Commands: commands}.Order(words)
	var wrong *argv.Error
	switch {
	case err == nil:
		return out, nil
	case errors.As(err, &wrong) && wrong.Flag != "":
		return nil, usage("", "%w, for example kadeploy-server start", err)
	case wrong != nil:
		return nil, usage(wrong.Command, "%w", err)
	}
	return nil, err
}

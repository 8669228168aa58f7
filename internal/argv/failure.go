package argv

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// Failure is an error with the exit code that it means.
type Failure struct {
	Code int
	Err  error  // nil: everything has been said
	Hint string // a second line; ""
}

func (f *Failure) Error() string {
	if f.Err == nil {
		return fmt.Sprintf("exit code %d", f.Code)
	}
	return f.Err.Error()
}

func (f *Failure) Unwrap() error { return f.Err }

// Misuse words what the flag parser says of the words of a command: of an option that is not there, which one may have been meant.
func Misuse(c *cli.Context, err error) error {
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !unknown {
		return err
	}
	dashes := "-"
	if len(name) > 1 {
		dashes = "--"
	}
	text := fmt.Sprintf("unknown option %s%s", dashes, name)
	if like := cli.SuggestFlag(c.Command.Flags, name, false); strings.HasPrefix(like, "--") {
		text += fmt.Sprintf(". Did you mean %s?", like)
	}
	return errors.New(text)
}

package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/argv"
	"github.com/kadeploy/kadeploy/internal/nodeset"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// The exit codes.
const (
	exitOK          = 0   // every node OK, or minnodes reached
	exitFailed      = 1   // the request failed, or was cancelled by somebody else
	exitUsage       = 2   // wrong usage, configuration or description; an operation that does not exist
	exitPartial     = 3   // some nodes KO, and no minnodes asked
	exitRefused     = 4   // refused: nodes busy, no right to them, not known to the server
	exitNoServer    = 5   // no server, or one that does not answer or is stopping
	exitInterrupted = 130 // interrupted: the operation was cancelled
)

// usage is a command line that cannot be right; command "" is the program itself.
func usage(command, format string, args ...any) error {
	hint := "see kadeploy --help"
	if command != "" {
		hint = "see kadeploy " + command + " --help"
	}
	return &argv.Failure{Code: exitUsage, Err: fmt.Errorf(format, args...), Hint: hint}
}

// usageError words the errors of the flag parser.
func usageError(c *cli.Context, err error, _ bool) error {
	command := ""
	if c.Command != nil && c.Command.Name != c.App.Name {
		command = c.Command.Name
	}
	return usage(command, "%w", argv.Misuse(c, err))
}

// complain writes the last word on standard error and returns the exit code.
func (r *runner) complain(err error) int {
	if err == nil {
		return exitOK
	}
	code, hint := classify(err)
	var f *argv.Failure
	if !errors.As(err, &f) || f.Err != nil {
		fmt.Fprintf(r.Stderr, "kadeploy: %s\n", wording.Clean(err.Error()))
	}
	for _, line := range hint {
		fmt.Fprintf(r.Stderr, "  %s\n", line)
	}
	return code
}

// classify finds the exit code of an error, and the hints that belong to it.
func classify(err error) (code int, hint []string) {
	var f *argv.Failure
	var refused *client.RefusedError
	var file *client.FileError
	switch {
	case errors.As(err, &f):
		if f.Hint != "" {
			hint = []string{f.Hint}
		}
		return f.Code, hint
	case errors.As(err, &refused):
		return refusalCode(refused.Refused.GetCode()), append(holders(refused.Refused.GetBusy()), files(refused.Refused.GetFiles())...)
	case errors.Is(err, client.ErrNoServer), errors.Is(err, context.DeadlineExceeded):
		return exitNoServer, nil
	case errors.As(err, &file):
		return exitUsage, nil
	case errors.Is(err, client.ErrIdentity):
		return exitRefused, []string{"on another machine than the server's: kadeploy login SERVER, with what an administrator got from kadeploy user add",
			"on the server's machine: give -d CONFDIR, or set KADEPLOY_SOCKET to its local_socket"}
	case errors.Is(err, errInterrupted):
		return exitInterrupted, nil
	}
	return exitFailed, nil
}

func refusalCode(c message.Refusal) int {
	switch c {
	case message.Refusal_INVALID, message.Refusal_UNKNOWN_ID:
		return exitUsage
	case message.Refusal_UNAVAILABLE:
		return exitNoServer
	}
	return exitRefused
}

// files are those that the server needs, a line each.
func files(paths []string) []string {
	lines := make([]string, len(paths))
	for i, path := range paths {
		lines[i] = wording.Clean(path)
	}
	return lines
}

// holders says who has the busy nodes, a line per operation.
func holders(busy []*message.Holder) []string {
	nodes := make(map[string][]string)
	var first []*message.Holder
	for _, h := range busy {
		if nodes[h.GetOperation()] == nil {
			first = append(first, h)
		}
		nodes[h.GetOperation()] = append(nodes[h.GetOperation()], h.GetNode())
	}
	var lines []string
	for _, h := range first {
		line := fmt.Sprintf("%s: held by %s of %s", nodeset.Fold(nodes[h.GetOperation()]), h.GetOperation(), h.GetUser())
		if since := h.GetSince(); since != nil {
			line += " since " + since.AsTime().Local().Format(time.DateTime)
		}
		if until := h.GetUntil(); until != nil {
			line += ", until " + until.AsTime().Local().Format(time.DateTime) + " at the latest"
		} else {
			line += ", " + noLimit
		}
		lines = append(lines, wording.Clean(line))
	}
	return lines
}

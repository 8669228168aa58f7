package power

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// tailSize is how much of the end of a command's output is kept, in bytes.
const tailSize = 4 << 10

// pipeGrace is how long the output of a command that has ended is waited for: a background child may hold the pipe.
const pipeGrace = 500 * time.Millisecond

// Command is the driver that runs the configured argument vectors. Its zero value is ready.
//
// HOSTNAME_FQDN and HOSTNAME_SHORT are replaced inside each argument; no shell ever reads them. A command runs in a
// process group of its own, which is killed whole when the context ends; exit status 0 is success. Its output is read
// for the word "on" or "off" when the operation is a status. Errors carry the program's name and the end of its
// output, never its arguments: sites write passwords there.
type Command struct{}

var _ Driver = Command{}

// Do runs the command of op at level. The error is ErrNoCommand when the target has none, the context's when it ended
// first.
func (Command) Do(ctx context.Context, target Target, op Op, level Level) (Status, error) {
	key := Key(op, level)
	command, ok := target.Commands[key]
	if !ok || len(command.Argv) == 0 {
		return Unknown, fmt.Errorf("%s of %s: %w", key, target.Name, ErrNoCommand)
	}
	if command.Group != "" {
		// Its neighbours on the same power strip would go down with it.
		return Unknown, fmt.Errorf("%s of %s acts on a whole group of nodes (%s): %w for one node alone",
			key, target.Name, command.Group, ErrNoCommand)
	}
	argv, err := target.Argv(command)
	if err != nil {
		return Unknown, fmt.Errorf("%s of %s: %w", key, target.Name, err)
	}
	output, err := run(ctx, argv)
	if err != nil {
		return Unknown, fmt.Errorf("%s of %s: %w", key, target.Name, err)
	}
	if op == OpStatus {
		return readStatus(output), nil
	}
	return Unknown, nil
}

// run executes argv to its end or to the context's, and returns the end of what it printed.
func run(ctx context.Context, argv []string) (string, error) {
	program := filepath.Base(argv[0])
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("%s not started: %w", program, err)
	}
	var output tail
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = pipeGrace
	err := cmd.Run()
	if ctx.Err() != nil && err != nil {
		return "", fmt.Errorf("%s killed: %w%s", program, ctx.Err(), output.quoted())
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return "", fmt.Errorf("%s: %s%s", program, exit.ProcessState, output.quoted())
	}
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) { // ErrWaitDelay: it succeeded, a child in the background did not end
		return "", err
	}
	return string(output.kept), nil
}

// readStatus finds the last word that names a state: "Chassis Power is on".
func readStatus(output string) Status {
	status := Unknown
	for _, word := range strings.FieldsFunc(strings.ToLower(output), func(r rune) bool { return r < 'a' || r > 'z' }) {
		if word == string(On) || word == string(Off) {
			status = Status(word)
		}
	}
	return status
}

// tail keeps the last tailSize bytes written to it. The command's one copying goroutine is its only writer.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - tailSize; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

// quoted is the output on one line, ready to follow an error: `: "connection refused"`.
func (t *tail) quoted() string {
	text := bytes.TrimSpace(t.kept)
	if len(text) == 0 {
		return ""
	}
	return fmt.Sprintf(": %q", text)
}

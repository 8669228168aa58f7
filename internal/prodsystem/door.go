package prodsystem

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/kadeploy/kadeploy/internal/sshclient"
	"github.com/kadeploy/kadeploy/internal/wording"
)

const (
	longest = 5 * time.Minute // of one entry from its turn on, whatever its context says
	atOnce  = 16              // entries under way: each may send the whole agent
	maxOut  = 8 << 10         // bytes of what a command prints
	maxSaid = 1 << 10         // bytes of what a failure says
	maxLine = 4096            // COMMAND_LINE_SIZE of the kernels that have the longest
)

// Door is the way into the systems that run on nodes. It is safe for concurrent use.
type Door struct {
	agent string
	turns chan struct{}
}

// New makes the door. agent is the agent's program, which is read at each entry.
func New(agent string) *Door { return &Door{agent, make(chan struct{}, atOnce)} }

// Start starts the agent with the words of a kernel's command line, agent.ParseCmdline's, and returns when the server has welcomed it, or says
// why not: what the agent said in its last line. args are those of `kadeploy-agent start`, plain words without blanks.
func (d *Door) Start(ctx context.Context, to sshclient.Config, line string, args ...string) error {
	if len(line) > maxLine || strings.ContainsAny(line, "\n\x00") {
		return errors.New("start the agent: its command line is no line")
	}
	if err := d.enter(ctx, to, line, append([]string{"start"}, args...)); err != nil {
		return fmt.Errorf("start the agent in the system that runs on %s: %w", to.Host, err)
	}
	return nil
}

// enter runs the agent there.
func (d *Door) enter(ctx context.Context, to sshclient.Config, line string, args []string) error {
	select {
	case d.turns <- struct{}{}:
		defer func() { <-d.turns }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, longest, fmt.Errorf("not done in %v", longest))
	defer cancel()
	p, err := readProgram(d.agent)
	if err != nil {
		return err
	}
	client, err := sshclient.Dial(ctx, to)
	if err != nil {
		return fmt.Errorf("ssh: %w", err)
	}
	defer client.Close()
	err = visit(client, p, line, args)
	if ctx.Err() != nil { // then it was cut by ourselves
		return context.Cause(ctx)
	}
	return err
}

func visit(client *sshclient.Client, p program, line string, args []string) error {
	found, err := run(client, look(), nil)
	if err != nil {
		return err
	}
	own, err := suitable(p, string(found))
	if err != nil {
		return err
	}
	start := strings.NewReader(line + "\n")
	if own != "" {
		_, err := run(client, use(own, args), start)
		return err
	}
	f, err := os.Open(p.path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = run(client, bring(p, args), io.MultiReader(start, io.LimitReader(f, p.size)))
	return err
}

// suitable reads the answer to look: which of the installed agents is this one, "" for none.
func suitable(p program, answer string) (string, error) {
	machine, rest, _ := strings.Cut(answer, "\n")
	if machine = strings.TrimSpace(machine); machine != p.machine {
		return "", fmt.Errorf("it is a machine of kind %.20q, and %s is a program for %q", machine, p.path, p.machine)
	}
	lines := bufio.NewScanner(strings.NewReader(rest))
	for lines.Scan() {
		digest, file, _ := strings.Cut(lines.Text(), "  ")
		if digest == p.digest && slices.Contains(installed, file) {
			return file, nil
		}
	}
	return "", nil
}

// run runs a command to its end. The error of one that failed is the last line that it printed on its standard error.
func run(client *sshclient.Client, command string, in io.Reader) ([]byte, error) {
	session, err := client.NewSession()
	if err != nil {
		return nil, fmt.Errorf("ssh: %w", err)
	}
	defer session.Close()
	out, said := &sshclient.Words{Limit: maxOut}, &sshclient.Words{Limit: maxSaid}
	session.Stdin, session.Stdout, session.Stderr = in, out, said
	err = session.Run(command)
	if failed := (*ssh.ExitError)(nil); errors.As(err, &failed) {
		if words := lastLine(said.Bytes()); words != "" {
			return nil, errors.New(words)
		}
		return nil, fmt.Errorf("the shell ended with %v", failed.Waitmsg)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("ssh: %w", err)
	case out.Cut():
		return nil, fmt.Errorf("it printed more than %d bytes", maxOut)
	}
	return out.Bytes(), nil
}

func lastLine(said []byte) string {
	lines := bytes.Split(bytes.TrimSpace(said), []byte("\n"))
	return wording.Clean(strings.TrimPrefix(string(lines[len(lines)-1]), "kadeploy-agent: "))
}

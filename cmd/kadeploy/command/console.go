package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/internal/argv"
	"github.com/kadeploy/kadeploy/internal/wording"
)

func (r *runner) consoleCommand() *cli.Command {
	return &cli.Command{
		Name: "console", Usage: "show the serial console of a node, and type on it", Description: consoleHelp,
		Flags: join(nodeFlags()[:1], []cli.Flag{
			toggle("do not ask to write", "read-only"),
			toggle("be refused when another writes", "write"),
			toggle("take the console from who has it without this server: another session of the controller", "force"),
			&cli.StringFlag{Name: "log", Usage: "append what the console shows to `FILE`, too"},
		}, serverFlags()),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return r.console(c)
		},
	}
}

func (r *runner) console(c *cli.Context) error {
	nodes, err := readNodes(c.Command.Name, c.StringSlice("machine"), nil, r.Stdin)
	switch {
	case err != nil:
		return err
	case len(nodes) != 1:
		return usage("console", "%d nodes: a console is one node's", len(nodes))
	case c.Bool("read-only") && c.Bool("write"):
		return usage("console", "--read-only and --write: say one of them")
	}
	s := consoleScreen{out: r.Stdout, notices: r.Stderr, keys: r.Stdin}
	want := client.ConsoleWrite
	switch {
	case c.Bool("write"):
		want = client.ConsoleInsist
	case c.Bool("read-only") || r.RawTerminal == nil:
		want = client.ConsoleRead
	}
	if r.RawTerminal == nil && want == client.ConsoleRead {
		s.keys = nil
	}
	if name := c.String("log"); name != "" {
		log, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return &argv.Failure{Code: exitUsage, Err: fmt.Errorf("--log: %w", err)}
		}
		defer log.Close()
		s.out = io.MultiWriter(r.Stdout, log)
	}
	return r.withServer(c, func(svc Service) error {
		s.conn, err = await(c.Context, r, 0, func(ctx context.Context) (*client.Console, error) {
			return svc.Console(ctx, nodes[0], want, c.Bool("force"))
		})
		if err != nil {
			return err
		}
		defer s.conn.Close()
		return r.attend(&s, nodes[0])
	})
}

// attend sits at a console until the user leaves, which is no failure, or the server ends it.
func (r *runner) attend(s *consoleScreen, node string) error {
	if r.RawTerminal != nil {
		restore, err := r.RawTerminal()
		if err != nil {
			return fmt.Errorf("the terminal: %w", err)
		}
		defer restore()
		s.escapes, s.newline = true, "\r\n"
		s.notice(fmt.Sprintf("console of %s; after Enter: ~. leaves, ~? helps", node))
	}
	over := make(chan error, 2)
	go func() { over <- s.show() }()
	if s.keys != nil {
		go func() {
			if s.typing() {
				over <- nil
			}
		}()
	}
	var err error
	select {
	case err = <-over:
	case <-r.interrupts:
	}
	var ended *client.ConsoleEndedError
	if err != nil && !errors.As(err, &ended) {
		return &argv.Failure{Code: exitNoServer, Err: fmt.Errorf("console of %s: %w", node, err)}
	}
	return err
}

// consoleScreen is a user's screen and keyboard. A goroutine shows what comes while another takes what is typed.
type consoleScreen struct {
	conn         *client.Console
	out, notices io.Writer
	keys         io.Reader // nil: there are none
	escapes      bool      // ~ means something
	newline      string    // what a line begins and ends with on a raw terminal; "": an ordinary one
}

// show copies the console until it ends.
func (s *consoleScreen) show() error {
	for {
		data, notice, err := s.conn.Receive()
		if err != nil {
			return err
		}
		if notice != "" {
			s.notice(notice)
		}
		if _, err := s.out.Write(data); err != nil {
			return fmt.Errorf("what it shows cannot be written: %w", err)
		}
	}
}

func (s *consoleScreen) notice(text string) {
	if s.newline == "" {
		fmt.Fprintf(s.notices, "kadeploy: %s\n", wording.Clean(text))
		return
	}
	fmt.Fprintf(s.notices, "%s[%s]%s", s.newline, wording.Clean(text), s.newline)
}

// typing sends what is typed. It returns whether the user leaves; otherwise there are no more keys.
func (s *consoleScreen) typing() (leaves bool) {
	typed := escapes{off: !s.escapes, lineStart: true}
	for buffer := make([]byte, 1<<10); ; {
		n, err := s.keys.Read(buffer)
		for keys := buffer[:n]; len(keys) > 0; {
			var send []byte
			var order byte
			send, order, keys = typed.next(keys)
			if len(send) > 0 && s.conn.Type(send) != nil {
				return false // show says why
			}
			switch order {
			case '.':
				return true
			case 'w':
				_ = s.conn.Claim()
			case '?':
				s.notice("after Enter: ~. leaves, ~w asks to write, ~~ is a ~")
			}
		}
		if err != nil {
			return false
		}
	}
}

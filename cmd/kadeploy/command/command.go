// Package command is the kadeploy command: it reads the command line, checks everything that can be checked without the
// server, asks the server, follows the operation and says of every node what became of it.
//
// Its voice: results go to standard output; progress, notices and errors go to standard error. An error is one line that
// begins with "kadeploy: " and says what, where and what to do; a hint may follow on a second line; the usage is never
// dumped. The exit codes are in codes.go. What the nodes go through is the server's affair, how the link works actors/client's.
package command

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/actors/client"
)

// Config is all that the command needs from outside.
type Config struct {
	Dial    func(ctx context.Context, to Target) (Service, error)
	Address func(confDir string) (string, error) // the server's HOST:PORT of a configuration directory
	Socket  func(confDir string) (string, error) // its unix socket
	Login   func(ctx context.Context, cfg client.LoginConfig) (user string, err error)

	// Interrupts is called once, just before the first network traffic: until then an interrupt ends the process as usual.
	Interrupts func() chan os.Signal
	// RawTerminal makes standard input pass on every key, until restore; nil when it is no terminal.
	RawTerminal func() (restore func(), err error)
	// Live takes the terminal for the live table; nil when there is none to take. interrupt stands for Ctrl-C, hint says what that does.
	Live func(hint string, interrupt func()) Display

	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Home           string // the user's home directory
	User           string // who asks
	Version        string

	// Grace is how long an interrupted command waits for the server to confirm; default 10 s.
	Grace time.Duration
}

// runner is one execution of the command.
type runner struct {
	Config
	interrupts chan os.Signal
}

// Run executes a command line, the program's name first, and returns the exit code.
func Run(ctx context.Context, cfg Config, argv []string) int {
	if cfg.Grace == 0 {
		cfg.Grace = 10 * time.Second
	}
	r := &runner{Config: cfg}
	app := r.app()
	argv, err := ordered(app.Commands, aliased(argv))
	if err == nil {
		err = app.RunContext(ctx, argv)
	}
	return r.complain(err)
}

// app is the whole command line.
func (r *runner) app() *cli.App {
	app := &cli.App{
		Name: "kadeploy", HelpName: "kadeploy", Usage: "reimage whole sets of machines",
		Description:           rootHelp,
		CustomAppHelpTemplate: rootTemplate,
		Writer:                r.Stdout, ErrWriter: io.Discard, Reader: r.Stdin,
		HideVersion: true, HideHelpCommand: true,
		DisableSliceFlagSeparator: true, // commas in node sets are nodeset's
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              usageError,
		Commands: []*cli.Command{
			r.deployCommand(), r.startCommand(), r.rebootCommand(), r.powerCommand(), r.kapowerCommand(), r.consoleCommand(),
			r.statusCommand(), r.nodesCommand(), r.watchCommand(), r.cancelCommand(),
			r.historyCommand(), r.showCommand(), r.statsCommand(),
			r.envCommand(), r.kaenvCommand(), r.rightsCommand(), r.karightsCommand(), r.userCommand(),
			r.loginCommand(), r.completionCommand(), r.completeCommand(), r.versionCommand(), r.helpCommand(),
		},
	}
	app.Action = func(c *cli.Context) error { return r.noCommand(app, c) }
	for _, c := range app.Commands {
		c.OnUsageError = usageError
		c.HideHelpCommand = true
	}
	return app
}

// noCommand answers a command line without a command that we know.
func (r *runner) noCommand(app *cli.App, c *cli.Context) error {
	name := c.Args().First()
	if name == "" {
		return usage("", "no command: say for example kadeploy deploy, kadeploy status or kadeploy help")
	}
	return usage("", "unknown command %q. %s", name, cli.SuggestCommand(visible(app.Commands), name))
}

func visible(all []*cli.Command) []*cli.Command {
	var shown []*cli.Command
	for _, c := range all {
		if !c.Hidden {
			shown = append(shown, c)
		}
	}
	return shown
}

// Package command is the command line of kadeploy-server: it starts the daemon, in the foreground or the background, stops
// it, asks it, and checks its configuration. The daemon itself is package daemon.
//
// Its voice: results go to standard output, everything else to standard error. An error is one line that begins with
// "kadeploy-server: " and says what, where and what to do; problems of the configuration come before it, with their
// places. The exit codes are below.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/argv"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // the daemon, or what it was asked, failed
	exitUsage  = 2 // wrong usage or configuration
	exitDown   = 3 // status: no daemon runs on this directory (as LSB says)
)

// Config is all that the command needs from outside.
type Config struct {
	// Ask asks the daemon at HOST:PORT, which has a unix socket, for its operations.
	Ask func(ctx context.Context, server, socket string) (*message.Status, error)

	Stdout, Stderr io.Writer
	Version        string
}

// runner is one execution of the command.
type runner struct{ Config }

// Run executes a command line, the program's name first, and returns the exit code.
func Run(cfg Config, words []string) int {
	r := &runner{cfg}
	app := r.app()
	words, err := ordered(app.Commands, words)
	if err == nil {
		err = app.Run(words)
	}
	return r.complain(err)
}

func (r *runner) app() *cli.App {
	app := &cli.App{
		Name: "kadeploy-server", HelpName: "kadeploy-server", Usage: "the daemon that reimages nodes",
		Description: rootHelp, CustomAppHelpTemplate: rootTemplate,
		Writer: r.Stdout, ErrWriter: io.Discard,
		HideVersion: true, HideHelpCommand: true, DisableSliceFlagSeparator: true,
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   usageError,
		Action:         func(c *cli.Context) error { return noCommand(c) },
		Commands: []*cli.Command{
			{Name: "start", Usage: "start the daemon; in the background unless --foreground", Description: startHelp, Action: r.start,
				Flags: []cli.Flag{dirFlag(), toggle("foreground", "stay in the foreground and log to standard error"), noResumeFlag(), debugFlag()}},
			{Name: "stop", Usage: "stop the daemon in order; operations under way end as cancelled", Description: stopHelp, Action: r.stop,
				Flags: []cli.Flag{dirFlag(), timeoutFlag()}},
			{Name: "restart", Usage: "stop the daemon, then start it in the background", Description: restartHelp, Action: r.restart,
				Flags: []cli.Flag{dirFlag(), timeoutFlag(), noResumeFlag(), debugFlag()}},
			{Name: "status", Usage: "say whether the daemon runs, since when and what it does", Description: statusHelp, Action: r.status,
				Flags: []cli.Flag{dirFlag(), outputFlag()}},
			{Name: "check-config", Usage: "print every problem of the configuration with its place", Description: checkHelp, Action: r.checkConfig,
				Flags: []cli.Flag{dirFlag(), outputFlag(), &cli.StringFlag{Name: "explain", Usage: "print every value in force for `NODE` with the file and line it came from"}}},
			{Name: "backup", Usage: "write a copy of the database to a file, also while the daemon runs", ArgsUsage: "FILE", Description: backupHelp, Action: r.backup,
				Flags: []cli.Flag{dirFlag()}},
			{Name: "restore", Usage: "put a backup in the place of the database; the daemon must not run", ArgsUsage: "FILE", Description: restoreHelp, Action: r.restore,
				Flags: []cli.Flag{dirFlag(), toggle("dry-run", "look at the backup, and change nothing")}},
			{Name: "compact", Usage: "give the room that the database does not need back to the disk; the daemon must not run", Description: compactHelp, Action: r.compact,
				Flags: []cli.Flag{dirFlag()}},
			{Name: "import", Usage: "make a configuration, descriptions and rights of what Kadeploy3 has; with --into, take its past", ArgsUsage: "kadeploy3", Description: importHelp,
				Action: r.importing, Flags: importFlags()},
			{Name: "mkenv", Usage: "make the deployment system, kernel and initrd, that nodes are booted into", Description: mkenvHelp, Action: r.mkenv,
				Flags: mkenvFlags()},
			{Name: "netboot", Usage: "put the boot loaders of the nodes below the TFTP root", ArgsUsage: "install", Description: netbootHelp, Action: r.netboot,
				Flags: []cli.Flag{dirFlag(), toggle("dry-run", "print the report and change nothing")}},
			{Name: "sandbox", Usage: "have the sandbox nodes' machines in a process of their own, which outlives the daemon", Description: sandboxHelp, Action: r.sandbox,
				Flags: []cli.Flag{dirFlag(), debugFlag()}},
			{Name: "version", Usage: "show the version of this program", Description: versionHelp, Action: r.version},
			{Name: "help", Usage: "show the help of a command", ArgsUsage: "[COMMAND]", Description: helpHelp, Action: help},
		},
	}
	for _, c := range app.Commands {
		c.OnUsageError, c.HideHelpCommand = usageError, true
		if c.ArgsUsage == "" {
			c.ArgsUsage, c.Action = " ", withoutArguments(c.Action)
		}
	}
	return app
}

func dirFlag() cli.Flag {
	return &cli.StringFlag{Name: "config-dir", Aliases: []string{"d"}, Value: "/etc/kadeploy", EnvVars: []string{"KADEPLOY_CONFIG_DIR"},
		Usage: "configuration `DIR`ectory: deploy.conf, cluster-NAME.conf, nodes.conf"}
}

func outputFlag() cli.Flag {
	return &cli.StringFlag{Name: "output", Value: "text", Usage: "`FORMAT` of the result on standard output: text or json"}
}

func timeoutFlag() cli.Flag {
	return &cli.DurationFlag{Name: "timeout", Value: stopTimeout, Usage: "kill the daemon when it has not stopped in `TIME`"}
}

func debugFlag() cli.Flag { return toggle("debug", "log what is of use to developers only, too") }

func noResumeFlag() cli.Flag {
	return toggle("no-resume", "end the operations that a daemon left in the middle as failed; they go on otherwise")
}

func toggle(name, usage string) cli.Flag {
	return &cli.BoolFlag{Name: name, Usage: usage, DisableDefaultText: true}
}

func wantsJSON(c *cli.Context) (bool, error) {
	switch format := c.String("output"); format {
	case "text":
		return false, nil
	case "json":
		return true, nil
	default:
		return false, usage(c.Command.Name, "--output %s: text or json", format)
	}
}

func withoutArguments(action cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		if c.Args().Present() {
			return usage(c.Command.Name, "%s takes no argument %q", c.Command.Name, c.Args().First())
		}
		return action(c)
	}
}

func noCommand(c *cli.Context) error {
	name := c.Args().First()
	if name == "" {
		return usage("", "no command: start, stop, restart, status, check-config, backup, restore, compact, import, mkenv, netboot or sandbox")
	}
	return usage("", "unknown command %q. %s", name, cli.SuggestCommand(c.App.Commands, name))
}

func (r *runner) version(*cli.Context) error {
	_, err := fmt.Fprintf(r.Stdout, "kadeploy-server %s (%s %s/%s)\n", r.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

func help(c *cli.Context) error {
	name := c.Args().First()
	if name == "" {
		return cli.ShowAppHelp(c)
	}
	if c.App.Command(name) == nil {
		return usage("", "unknown command %q. %s", name, cli.SuggestCommand(c.App.Commands, name))
	}
	return cli.ShowCommandHelp(c, name)
}

// usage is a command line that cannot be right; command "" is the program itself.
func usage(command, format string, args ...any) error {
	see := " (see kadeploy-server --help)"
	if command != "" {
		see = " (see kadeploy-server " + command + " --help)"
	}
	return &argv.Failure{Code: exitUsage, Err: fmt.Errorf(format+"%s", append(args, see)...)}
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
	var f *argv.Failure
	if !errors.As(err, &f) {
		f = &argv.Failure{Code: exitFailed, Err: err}
	}
	if f.Err != nil {
		fmt.Fprintf(r.Stderr, "kadeploy-server: %s\n", wording.Clean(strings.ReplaceAll(err.Error(), "\n", "; ")))
	}
	return f.Code
}

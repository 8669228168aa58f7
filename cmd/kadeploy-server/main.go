// Command kadeploy-server is the daemon: the supervision tree, the netboot services and the sessions of the node agents.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"
)

// Exit codes.
const (
	exitFailed = 1 // the daemon, or what it was asked, failed
	exitUsage  = 2 // wrong usage or configuration
	exitDown   = 3 // status: no daemon runs on this directory (as LSB says)
)

// version is set by the build.
var version = "devel"

func main() {
	os.Exit(run(os.Args))
}

func run(args []string) int {
	err := app().Run(permute(args))
	if err == nil {
		return 0
	}
	var code cli.ExitCoder
	if !errors.As(err, &code) {
		code = cli.Exit(err.Error(), exitFailed)
	}
	if code.Error() != "" {
		fmt.Fprintln(os.Stderr, "kadeploy-server: "+code.Error())
	}
	return code.ExitCode()
}

func app() *cli.App {
	dir := &cli.StringFlag{
		Name: "d", Aliases: []string{"config-dir"}, Value: "/etc/kadeploy", EnvVars: []string{"KADEPLOY_CONFIG_DIR"},
		Usage: "configuration `DIR`ectory: deploy.conf, cluster-NAME.conf, nodes.conf",
	}
	return &cli.App{
		Name:            "kadeploy-server",
		Usage:           "the daemon that reimages nodes",
		Version:         version,
		HideHelpCommand: true,
		Description: `Examples:
   kadeploy-server check-config -d /etc/kadeploy
   kadeploy-server start -d /etc/kadeploy
   kadeploy-server start -d /etc/kadeploy --foreground    (for systemd)
   kadeploy-server status -d /etc/kadeploy`,
		ExitErrHandler:  func(*cli.Context, error) {},
		OnUsageError:    func(_ *cli.Context, err error, _ bool) error { return usage(err) },
		CommandNotFound: func(*cli.Context, string) {},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage(fmt.Errorf("unknown command %q", c.Args().First()))
			}
			return cli.ShowAppHelp(c)
		},
		Commands: []*cli.Command{
			command("start", "start the daemon; in the background unless --foreground", start, dir,
				&cli.BoolFlag{Name: "foreground", Usage: "stay in the foreground and log to standard error"}),
			command("stop", "stop the daemon in order; operations under way end as cancelled", stop, dir),
			command("restart", "stop the daemon, then start it", restart, dir),
			command("status", "say whether the daemon runs, and since when", status, dir),
			command("check-config", "print every problem of the configuration with its place", checkConfig, dir,
				&cli.StringFlag{Name: "explain", Usage: "print every value in force for `NODE` with the file and line it came from"}),
		},
	}
}

func command(name, text string, action cli.ActionFunc, flags ...cli.Flag) *cli.Command {
	return &cli.Command{
		Name: name, Usage: text, Flags: flags, HideHelpCommand: true,
		Description:  "Example:\n   kadeploy-server " + name + " -d /etc/kadeploy",
		OnUsageError: func(_ *cli.Context, err error, _ bool) error { return usage(err) },
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage(fmt.Errorf("%s takes no argument %q", name, c.Args().First()))
			}
			return action(c)
		},
	}
}

func usage(err error) error {
	return cli.Exit(err.Error()+" (see kadeploy-server --help)", exitUsage)
}

// permute puts flags given before the command after it: `kadeploy-server -d DIR start` is what the prototype's users type.
func permute(args []string) []string {
	if len(args) > 3 && (args[1] == "-d" || args[1] == "--config-dir") {
		return append([]string{args[0], args[3], args[1], args[2]}, args[4:]...)
	}
	return args
}

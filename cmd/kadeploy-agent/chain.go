package main

import (
	"fmt"
	"os"
	"os/signal"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/broadcast"
)

// chainCommand is the broadcast as a tool of its own.
func chainCommand() *cli.Command {
	c := &cli.Command{
		Name: "chain", Usage: "broadcast a file between any machines, without a server",
		Description: chainHelp, HideHelpCommand: true, OnUsageError: usageError,
		Subcommands: []*cli.Command{sendCommand(), receiveCommand(), keyCommand()},
		Action: func(c *cli.Context) error {
			if name := c.Args().First(); name != "" {
				return usage("chain", "unknown command %q. %s", name, cli.SuggestCommand(c.Command.Subcommands, name))
			}
			return usage("chain", "say chain send, chain receive or chain key")
		},
	}
	for _, sub := range c.Subcommands {
		sub.OnUsageError, sub.HideHelpCommand = usageError, true
	}
	return c
}

func keyCommand() *cli.Command {
	return &cli.Command{
		Name: "key", Usage: "make a key", Description: keyHelp,
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			_, err := fmt.Fprintln(c.App.Writer, broadcast.NewKey())
			return err
		},
	}
}

const (
	keyVariable     = "KADEPLOY_CHAIN_KEY"
	keyFileVariable = "KADEPLOY_CHAIN_KEY_FILE"
)

func keyFlag() cli.Flag {
	return &cli.StringFlag{Name: "key-file", Aliases: []string{"k"}, Usage: "the key is in `FILE`; - is standard input (default: the key in $" + keyVariable + ", or the file in $" + keyFileVariable + ")"}
}

// keyOf finds the key, and takes it out of the environment that commands inherit.
func keyOf(c *cli.Context) (broadcast.Key, error) {
	text := os.Getenv(keyVariable)
	os.Unsetenv(keyVariable)
	file := c.String("key-file")
	if file == "" && text != "" {
		k, err := broadcast.ParseKey([]byte(text))
		if err != nil {
			return k, usage(commandOf(c), "%s: %w", keyVariable, err)
		}
		return k, nil
	}
	if file == "" {
		file = os.Getenv(keyFileVariable)
	}
	if file == "" {
		return broadcast.Key{}, usage(commandOf(c), "no key: make one by (umask 077; kadeploy-agent chain key > FILE), "+
			"give it to every machine, and name it by -k FILE or $%s", keyFileVariable)
	}
	k, warning, err := broadcast.ReadKey(file, os.Stdin)
	if err != nil {
		return k, usage(commandOf(c), "%w", err)
	}
	if warning != "" {
		fmt.Fprintln(os.Stderr, "kadeploy-agent: warning:", warning)
	}
	return k, nil
}

// surviveReaders makes the end of whoever reads our output an error of the write, where it would be our own end. Unlike a signal that
// is ignored, it leaves the commands that we start as they are.
func surviveReaders() { signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE) }

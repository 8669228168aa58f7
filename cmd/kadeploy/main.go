// Command kadeploy asks a kadeploy server to reimage machines. All it does is in package command; this file joins it to
// the process: standard streams, signals, terminal, client.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"os/user"
	"runtime/debug"
	"syscall"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/term"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/cmd/kadeploy/command"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/terminal"
)

var version = "development" // set by the linker

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // most commands end after some MB: collecting them would be a third of their time
	}
	who := userName()
	home, _ := os.UserHomeDir() // without one, -k needs a file
	os.Exit(command.Run(context.Background(), command.Config{
		Dial: func(ctx context.Context, to command.Target) (command.Service, error) {
			cfg := client.Config{Server: to.Server, Uploading: command.Uploads(os.Stderr, time.Now)}
			if to.Socket == "" && to.Here && !client.LoggedIn(to.Server) {
				to.Socket, _ = client.Discover(ctx, to.Server) // the error of Dial says more
			}
			if to.Socket != "" {
				cfg.Identity = client.Local(to.Socket)
			}
			c, err := client.Dial(ctx, cfg)
			if err != nil {
				return nil, err // a nil *Client in a Service would not be nil
			}
			return c, nil
		},
		Address:    config.ClientAddress,
		Socket:     config.LocalSocket,
		Login:      client.Login,
		Interrupts: interrupts,
		Live:       live(), RawTerminal: rawTerminal(),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Home: home, User: who, Version: version,
	}, os.Args))
}

// userName is the person's login; the server trusts its own source of identity more.
func userName() string {
	if name := os.Getenv("USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

func interrupts() chan os.Signal {
	c := make(chan os.Signal, 2) // two are the most that mean something: cancel, and leave
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	return c
}

// rawTerminal is nil when standard input is no terminal.
func rawTerminal() func() (func(), error) {
	if !term.IsTerminal(os.Stdin.Fd()) {
		return nil
	}
	return func() (restore func(), err error) {
		before, err := term.MakeRaw(os.Stdin.Fd())
		if err != nil {
			return nil, err
		}
		return func() { _ = term.Restore(os.Stdin.Fd(), before) }, nil
	}
}

// live takes the terminal, when a person sits at one: both results and progress must go to it.
func live() func(hint string, interrupt func()) command.Display {
	if !term.IsTerminal(os.Stdout.Fd()) || !term.IsTerminal(os.Stderr.Fd()) || os.Getenv("TERM") == "dumb" || os.Getenv("TERM") == "" {
		return nil
	}
	return func(hint string, interrupt func()) command.Display {
		return terminal.StartLive(terminal.LiveConfig{Output: os.Stderr, Input: keyboard(), Hint: hint, Interrupt: interrupt})
	}
}

// keyboard is standard input, or the terminal itself when nodes are piped in; nil when there is none.
func keyboard() io.Reader {
	if term.IsTerminal(os.Stdin.Fd()) {
		return os.Stdin
	}
	if in, _, err := tea.OpenTTY(); err == nil {
		return in
	}
	return nil
}

package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/internal/argv"
)

const (
	defaultServer = "127.0.0.1:25300"
	defaultPort   = "25300"
)

var errInterrupted = errors.New("interrupted")

// withServer connects to the server that the command line means, and closes the connection after use.
func (r *runner) withServer(c *cli.Context, use func(Service) error) error {
	to, err := r.target(c)
	if err != nil {
		return err
	}
	r.interrupts = r.Interrupts()
	svc, err := await(c.Context, r, 0, func(ctx context.Context) (Service, error) { return r.Dial(ctx, to) })
	if err != nil {
		return err
	}
	defer svc.Close()
	return use(svc)
}

// Target is a server, and where on its machine it tells who somebody is.
type Target struct {
	Server string // HOST:PORT
	Socket string // a unix socket; "": none is known
	Here   bool   // the server is on this machine
}

// defaultSocket is where the daemon of a machine has its socket if its packager wants it found without -d.
const defaultSocket = "/run/kadeploy/kadeploy.sock"

// target finds the server, and its socket: KADEPLOY_SOCKET, then -d, then the default. A socket is for a server on this machine.
func (r *runner) target(c *cli.Context) (Target, error) {
	server, err := r.server(c)
	if err != nil {
		return Target{}, err
	}
	if socket := r.Getenv("KADEPLOY_SOCKET"); socket != "" {
		return Target{server, socket, true}, nil
	}
	here := onThisMachine(server)
	sockets := []string{defaultSocket}
	if dir := c.String("config-dir"); dir != "" && !c.IsSet("server") {
		socket, err := r.Socket(dir)
		if err != nil {
			return Target{}, &argv.Failure{Code: exitUsage, Err: fmt.Errorf("-d %s: %w", dir, err)}
		}
		sockets = []string{socket}
	} else if !here {
		sockets = nil
	}
	for _, socket := range sockets {
		if info, err := os.Stat(socket); err == nil && info.Mode().Type() == fs.ModeSocket {
			return Target{server, socket, true}, nil
		}
	}
	return Target{server, "", here}, nil
}

func onThisMachine(server string) bool {
	host, _, _ := net.SplitHostPort(server)
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// server finds the address: --server, then -d, then the environment, then the default.
func (r *runner) server(c *cli.Context) (string, error) {
	command := c.Command.Name
	if c.IsSet("server") {
		return address(command, "--server", c.String("server"))
	}
	if dir := c.String("config-dir"); dir != "" {
		server, err := r.Address(dir)
		if err != nil {
			return "", &argv.Failure{Code: exitUsage, Err: fmt.Errorf("-d %s: %w", dir, err)}
		}
		return server, nil
	}
	if server := r.Getenv("KADEPLOY_SERVER"); server != "" {
		return address(command, "KADEPLOY_SERVER", server)
	}
	return defaultServer, nil
}

// address completes HOST to HOST:PORT.
func address(command, from, text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port, err = net.SplitHostPort(net.JoinHostPort(text, defaultPort))
	}
	if err != nil || host == "" || port == "" {
		return "", usage(command, "%s %s: not an address; HOST:PORT", from, text)
	}
	return net.JoinHostPort(host, port), nil
}

// await runs a call to the server. The first interrupt ends the call's context when patience is over, the second at once.
// When the user interrupted, the error is errInterrupted even if the answer came: then the answer is returned too.
func await[T any](ctx context.Context, r *runner, patience time.Duration, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		v, err := call(ctx)
		answers <- answer{v, err}
	}()
	interrupted := false
	var over <-chan time.Time
	for {
		select {
		case a := <-answers:
			if interrupted && (a.err == nil || ctx.Err() != nil) {
				a.err = errInterrupted
			}
			return a.value, a.err
		case <-over:
			cancel()
		case <-r.interrupts:
			if interrupted || patience == 0 {
				cancel()
			}
			interrupted, over = true, time.After(patience)
		}
	}
}

// unsure words an interrupted submission: the server may have got it.
func unsure(err error) error {
	if !errors.Is(err, errInterrupted) {
		return err
	}
	return &argv.Failure{Code: exitInterrupted, Err: errors.New("interrupted before the server answered"),
		Hint: "if it took the request, kadeploy status shows it"}
}

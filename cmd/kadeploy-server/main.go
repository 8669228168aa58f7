// Command kadeploy-server is the daemon and what starts, stops and asks it. The command line is package command, the
// daemon's life package daemon; this file joins both to the process.
package main

import (
	"context"
	"os"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/cmd/kadeploy-server/command"
)

var version = "devel" // set by the linker

func main() {
	os.Exit(command.Run(command.Config{
		Ask: ask, Stdout: os.Stdout, Stderr: os.Stderr, Version: version,
	}, os.Args))
}

// ask asks a running daemon for its operations.
func ask(ctx context.Context, server, socket string) (*message.Status, error) {
	c, err := client.Dial(ctx, client.Config{Server: server, Identity: client.Local(socket)})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Status(ctx, "")
}

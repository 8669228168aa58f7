package main

import (
	"fmt"
	"net"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/internal/broadcast"
	"github.com/kadeploy/kadeploy/internal/outlet"
)

func receiveCommand() *cli.Command {
	return &cli.Command{
		Name: "receive", Usage: "receive what a machine sends", Description: receiveHelp, Action: receive,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Aliases: []string{"l"}, Value: ":25303", Usage: "wait for the sender at `ADDR:PORT`; without ADDR on every interface"},
			&cli.StringFlag{Name: "output-file", Aliases: []string{"o"}, Usage: "write to `FILE`, a device or a pipe, or - for standard output"},
			&cli.StringFlag{Name: "output-command", Aliases: []string{"O"}, Usage: "write to the standard input of `COMMAND`, which a shell runs"},
			keyFlag(),
			&cli.DurationFlag{Name: "wait", Value: 2 * time.Minute, Usage: "give up when nobody has called after `TIME`; 0: never"},
			&cli.DurationFlag{Name: "orphan", Value: 30 * time.Second, Usage: "give up when whoever feeds this machine is lost and nobody takes over within `TIME`"},
			&cli.DurationFlag{Name: "stall", Value: 2 * time.Second, Usage: "take a machine that is silent for `TIME` for lost; the same as the sender's"},
			&cli.StringFlag{Name: "ring", Value: "64M", Usage: "keep the last `SIZE` bytes in memory for those after this machine"},
			&cli.DurationFlag{Name: "slow-sink", Value: 2 * time.Second, Usage: "leave the chain, to be fed apart, when the output holds it up for `TIME`; 0: never"},
			toggle("expect encryption", "tls"),
			toggle("be done only when the data is on the disk", "fsync"),
			&cli.StringFlag{Name: "name", Usage: "refuse a sender that calls this machine anything but `NAME`"},
		},
	}
}

func receive(c *cli.Context) error {
	cfg, err := receiveConfig(c)
	if err != nil {
		return err
	}
	surviveReaders()
	if cfg.Outlet, err = outletOf(c); err != nil {
		return err
	}
	return broadcast.Receive(c.Context, cfg)
}

func receiveConfig(c *cli.Context) (cfg broadcast.ReceiveConfig, err error) {
	if err := noArguments(c); err != nil {
		return cfg, err
	}
	cfg = broadcast.ReceiveConfig{
		Listen: c.String("listen"), Name: c.String("name"), Wait: c.Duration("wait"), Orphan: c.Duration("orphan"),
		Stall: c.Duration("stall"), SlowSink: c.Duration("slow-sink"), TLS: c.Bool("tls"), Stderr: os.Stderr,
	}
	if _, _, err := net.SplitHostPort(cfg.Listen); err != nil {
		return cfg, usage("chain receive", "--listen %s: want ADDR:PORT or :PORT", cfg.Listen)
	}
	if err := positive(c, "wait", "orphan", "stall", "slow-sink"); err != nil {
		return cfg, err
	}
	if cfg.Ring, err = quantity(c, "ring", broadcast.ParseSize); err != nil {
		return cfg, err
	}
	file, command := c.String("output-file"), c.String("output-command")
	switch {
	case file == "" && command == "":
		return cfg, usage("chain receive", "nowhere to put it: give -o FILE, -o - for standard output, or -O COMMAND")
	case file != "" && command != "":
		return cfg, usage("chain receive", "-o %s and -O: one of them at a time", file)
	}
	cfg.Key, err = keyOf(c)
	return cfg, err
}

// outletOf opens where the data goes.
func outletOf(c *cli.Context) (outlet.Outlet, error) {
	name, sync := c.String("output-file"), c.Bool("fsync")
	switch name {
	case "":
		return outlet.Command(c.String("output-command"), os.Stdout, os.Stderr), nil
	case "-":
		return outlet.Stream(os.Stdout, sync), nil
	}
	o, err := outlet.File(name, sync)
	if err != nil {
		return nil, fmt.Errorf("output %s: %w", name, err)
	}
	return o, nil
}

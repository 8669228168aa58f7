package main

import (
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/internal/argv"
	"github.com/kadeploy/kadeploy/internal/broadcast"
	"github.com/kadeploy/kadeploy/internal/outfile"
)

func sendCommand() *cli.Command {
	return &cli.Command{
		Name: "send", Usage: "send a file to machines that receive", Description: sendHelp, Action: send,
		Flags: []cli.Flag{
			repeatable{&cli.StringSliceFlag{Name: "nodes", Aliases: []string{"N"}, Usage: "machine or set of `HOSTS`, in the order of the chain: n1,node-[1-8],n2:25304,[2001:db8::1] (may be repeated; default port 25303)"}},
			repeatable{&cli.StringSliceFlag{Name: "nodefile", Aliases: []string{"f"}, Usage: "`FILE` of machines, one a line, # begins a comment, repeated lines count once; - is standard input"}},
			&cli.StringFlag{Name: "input", Aliases: []string{"i"}, Usage: "send `FILE`, a device, or - for standard input"},
			&cli.StringFlag{Name: "ok", Usage: "write the machines that have it to `FILE`, one a line, when all is over"},
			&cli.StringFlag{Name: "ko", Usage: "write every other machine to `FILE`"},
			keyFlag(),
			&cli.StringFlag{Name: "rate", Usage: "send at most `RATE` bytes per second: 100M, or bits: 800Mbit"},
			toggle("encrypt (the receivers need --tls, too)", "tls"),
			&cli.DurationFlag{Name: "gather", Value: 5 * time.Second, Usage: "begin without machines that do not answer within `TIME`"},
			&cli.DurationFlag{Name: "linger", Usage: "call machines that were lost for `TIME` more once all others are through (default: as long as they may be about to call by themselves)"},
			&cli.DurationFlag{Name: "stall", Value: 2 * time.Second, Usage: "skip a machine that is silent for `TIME`; the same as the receivers'"},
			&cli.StringFlag{Name: "listen", Value: ":0", DefaultText: "any port", Usage: "machines that lag or come late reach this one at `ADDR:PORT`; without ADDR at the address that it calls the first one from"},
			&cli.StringFlag{Name: "chunk", Value: "1M", Usage: "verify, and send again, in pieces of `SIZE`"},
			&cli.StringFlag{Name: "spool", Value: os.TempDir(), DefaultText: "$TMPDIR or /tmp", Usage: "keep what cannot be read twice, such as standard input, in `DIR` while it is sent"},
			&cli.StringFlag{Name: "output", Value: "text", Usage: "`FORMAT` of the report on standard output: text or json"},
			toggle("show events only", "no-progress"),
		},
	}
}

func send(c *cli.Context) error {
	cfg, err := sendConfig(c)
	if err != nil {
		return err
	}
	surviveReaders()
	code, err := broadcast.Send(c.Context, cfg)
	if code == broadcast.ExitAll && err == nil {
		return nil
	}
	return &argv.Failure{Code: max(code, broadcast.ExitNone), Err: err}
}

func sendConfig(c *cli.Context) (cfg broadcast.SendConfig, err error) {
	if err := noArguments(c); err != nil {
		return cfg, err
	}
	if err := oneReaderOfStdin(c); err != nil {
		return cfg, err
	}
	cfg = broadcast.SendConfig{
		Input: c.String("input"), Spool: c.String("spool"), Stall: c.Duration("stall"), Gather: c.Duration("gather"), Linger: c.Duration("linger"),
		Listen: c.String("listen"), TLS: c.Bool("tls"), JSON: c.String("output") == "json", Quiet: c.Bool("no-progress"),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}
	if cfg.Input == "" {
		return cfg, usage("chain send", "nothing to send: give -i FILE, or -i - for standard input")
	}
	if format := c.String("output"); format != "text" && !cfg.JSON {
		return cfg, usage("chain send", "--output %s: want text or json", format)
	}
	if err := positive(c, "stall", "gather", "linger"); err != nil {
		return cfg, err
	}
	chunk, err := quantity(c, "chunk", broadcast.ParseSize)
	if err != nil {
		return cfg, err
	}
	cfg.ChunkSize = int(chunk)
	if cfg.Rate, err = quantity(c, "rate", broadcast.ParseRate); err != nil {
		return cfg, err
	}
	var hosts broadcast.Hosts
	if err := addHosts(c, &hosts); err != nil {
		return cfg, err
	}
	cfg.Links = hosts.Links()
	if cfg.Key, err = keyOf(c); err != nil {
		return cfg, err
	}
	if cfg.OK, err = place(c, "ok"); err != nil {
		return cfg, err
	}
	cfg.KO, err = place(c, "ko")
	return cfg, err
}

func addHosts(c *cli.Context, hosts *broadcast.Hosts) error {
	for _, set := range c.StringSlice("nodes") {
		if err := hosts.Add("-N "+set, set); err != nil {
			return usage("chain send", "%w", err)
		}
	}
	for _, name := range c.StringSlice("nodefile") {
		if err := hosts.AddFile(name, os.Stdin); err != nil {
			return usage("chain send", "-f %w", err)
		}
	}
	if len(hosts.Links()) == 0 {
		return usage("chain send", "nobody to send to: give -N HOSTS or -f FILE")
	}
	return nil
}

// oneReaderOfStdin refuses two flags that would share standard input.
func oneReaderOfStdin(c *cli.Context) error {
	var readers []string
	for _, name := range []string{"input", "key-file"} {
		if c.String(name) == "-" {
			readers = append(readers, "--"+name)
		}
	}
	for _, name := range c.StringSlice("nodefile") {
		if name == "-" {
			readers = append(readers, "--nodefile")
		}
	}
	if len(readers) > 1 {
		return usage("chain send", "%s and %s cannot both read standard input", readers[0], readers[1])
	}
	return nil
}

// place proves that a file can be written before anything is sent; nil without the flag.
func place(c *cli.Context, flag string) (*outfile.Place, error) {
	name := c.String(flag)
	if name == "" {
		return nil, nil
	}
	p, err := outfile.Find(name)
	if err == nil {
		err = p.Probe()
	}
	if err != nil {
		return nil, usage("chain send", "--%s %s: cannot be written: %w", flag, name, err)
	}
	return &p, nil
}

package broadcast

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/kadeploy/kadeploy/chain"
	"github.com/kadeploy/kadeploy/internal/outfile"
)

// SendConfig describes one broadcast for its head.
type SendConfig struct {
	Links []chain.Link // in the order of the chain
	Key   Key
	Input string // the path of the image; "-": Stdin
	Spool string // directory that an image is kept in which cannot be read twice

	Rate      int64         // bytes per second at most; 0: no limit
	ChunkSize int           // bytes
	Stall     time.Duration // of silence before a machine is skipped
	Gather    time.Duration // for so long machines that do not answer yet are waited for at first
	Linger    time.Duration // how long machines that were lost are called once all others are settled
	Listen    string        // host:port that machines reach the head at; without a host or port: any
	TLS       bool

	OK, KO *outfile.Place // get the names of the machines that have the image, and of those that do not; may be nil
	JSON   bool           // the report is JSON
	Quiet  bool           // no progress, events only

	Stdin          *os.File
	Stdout, Stderr io.Writer
}

// Send broadcasts and returns the exit code. The report goes to Stdout, the files are written whatever the outcome is; the error is
// what kept the head from going on, or what could not be written.
func Send(ctx context.Context, cfg SendConfig) (int, error) {
	src, err := openSource(cfg.Input, cfg.Spool, cfg.Stdin)
	if err != nil {
		return ExitNone, fmt.Errorf("input %w", err)
	}
	defer src.close()
	d := startDisplay(cfg.Stderr, newBoard(cfg.Links, src.size), cfg.Quiet)
	report, err := cfg.transfer(ctx, src, d)
	d.close()
	report.settle(err)
	return report.ExitCode, errors.Join(err, cfg.publish(report))
}

// publish writes the files and the report. What cannot be written makes a success a failure.
func (cfg *SendConfig) publish(r *Report) error {
	var err error
	if cfg.OK != nil {
		err = named("--ok", cfg.OK, cfg.OK.WriteLines(r.names(true)))
	}
	if cfg.KO != nil {
		err = errors.Join(err, named("--ko", cfg.KO, cfg.KO.WriteLines(r.names(false))))
	}
	if err != nil && r.ExitCode == ExitAll {
		r.ExitCode = ExitNone
	}
	write := r.WriteText
	if cfg.JSON {
		write = r.WriteJSON
	}
	if out := write(cfg.Stdout); out != nil {
		r.ExitCode = max(r.ExitCode, ExitNone)
		err = errors.Join(err, fmt.Errorf("standard output: %w", out))
	}
	return err
}

func named(flag string, place *outfile.Place, err error) error {
	if err != nil {
		return fmt.Errorf("%s %s: cannot be written: %w", flag, place.Name, err)
	}
	return nil
}

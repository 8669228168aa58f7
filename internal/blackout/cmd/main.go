// Command blackout plays scenarios of package blackout with the programs in bin/.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/kadeploy/kadeploy/internal/blackout"
	"github.com/kadeploy/kadeploy/internal/store/pgtest"
)

func main() {
	server := flag.String("server", "bin/kadeploy-server", "the `PROGRAM`, beside kadeploy-agent")
	seed := flag.Uint64("seed", 1, "of the first run; the others follow")
	runs := flag.Int("runs", 1, "how many runs")
	postgres := flag.Bool("postgres", false, "the database is in a PostgreSQL server of its own, which crashes at times, too")
	full := flag.Bool("full", false, "the disk of the database is full at times; needs root")
	verbose := flag.Bool("v", false, "show the scenario of every run")
	flag.Parse()
	if *full && os.Getenv(apart) == "" {
		os.Exit(again())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := all(ctx, *server, *seed, *runs, *full, *postgres, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "blackout:", err)
		os.Exit(1)
	}
}

func all(ctx context.Context, server string, seed uint64, runs int, full, postgres, verbose bool) error {
	server, err := filepath.Abs(server)
	if err != nil {
		return err
	}
	var db *pgtest.Server
	if postgres {
		if db, err = pgtest.New(); err != nil {
			return fmt.Errorf("PostgreSQL: %w", err)
		}
		defer db.Close()
	}
	var failed []uint64
	var series blackout.Series
	kills := 0
	for i := range runs {
		s := blackout.Draw(seed + uint64(i))
		if verbose {
			fmt.Printf("%+v\n", s)
		}
		dir, err := os.MkdirTemp("", fmt.Sprintf("blackout-%d-", s.Seed))
		if err != nil {
			return err
		}
		o, err := blackout.Run(ctx, blackout.Config{Server: server, Dir: dir, Full: full, Postgres: db}, s)
		if err != nil {
			return fmt.Errorf("seed %d in %s: %w", s.Seed, dir, err)
		}
		kills += o.Kills
		series.Add(o)
		fmt.Printf("seed %d: %s\n", s.Seed, o)
		for _, w := range o.Wrong {
			fmt.Println("   WRONG:", w)
		}
		if len(o.Wrong) > 0 {
			fmt.Println("   see", dir)
			failed = append(failed, s.Seed)
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	fmt.Printf("%d runs, %d kills, %d wrong\n", runs, kills, len(failed))
	wrong := series.Wrong()
	for _, w := range wrong {
		fmt.Println("   WRONG:", w)
	}
	switch {
	case len(failed) > 0:
		return fmt.Errorf("failed with seeds %v", failed)
	case len(wrong) > 0:
		return errors.New("the runs together say that the daemon does not go on")
	}
	return nil
}

// apart is set in the process that has a mount namespace of its own: what it mounts nobody else sees, and it is gone with it.
const apart = "BLACKOUT_APART"

// again runs this program in such a namespace and returns its exit code.
func again() int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), apart+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if err := cmd.Run(); err != nil {
		var ended *exec.ExitError
		if errors.As(err, &ended) {
			return ended.ExitCode()
		}
		fmt.Fprintln(os.Stderr, "blackout:", err)
		return 1
	}
	return 0
}

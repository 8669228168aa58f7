package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/actors"
	"github.com/kadeploy/kadeploy/config"
)

// reportEnv names the file descriptor on which a daemon in the background reports to who started it.
const reportEnv = "KADEPLOY_SERVER_REPORT_FD"

// serve is the daemon's life: take the directory, start the tree, wait for a signal or the tree's failure, stop in order.
func serve(c *cli.Context, snapshot *config.Snapshot) error {
	report := reporter()
	defer report.Close()
	err := live(c, snapshot, report)
	if err != nil {
		fmt.Fprintln(report, err)
	}
	return err
}

func live(c *cli.Context, snapshot *config.Snapshot, report io.WriteCloser) error {
	if err := prepareDirs(snapshot); err != nil {
		return err
	}
	lock, err := instanceOf(snapshot.Global.StateDir).acquire()
	var running *errRunning
	switch {
	case errors.As(err, &running):
		return cli.Exit(err.Error()+"; stop it first: kadeploy-server stop -d "+snapshot.Dir, exitFailed)
	case err != nil:
		return err
	}
	defer lock.Close()

	log, closeLog, err := logger(snapshot, report != nil && os.Getenv(reportEnv) != "")
	if err != nil {
		return err
	}
	defer closeLog()

	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	s, err := build(snapshot, log)
	if err != nil {
		return err
	}
	defer s.close()
	log.Info("serving", "nodes", len(snapshot.Nodes), "address", snapshot.Global.Server, "pid", os.Getpid())
	fmt.Fprintln(report, readyLine)
	report.Close()
	_, _ = daemon.SdNotify(false, daemon.SdNotifyReady)
	return s.wait(signals)
}

// drainTimeout bounds how long clients are told of the end of their operations.
const drainTimeout = 3 * time.Second

func (s *server) wait(signals <-chan os.Signal) error {
	for {
		select {
		case sig := <-signals:
			if sig == syscall.SIGHUP {
				s.reload()
				continue
			}
			s.log.Info("stopping", "signal", sig.String())
			_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
			ctx, cancel := context.WithTimeout(context.Background(), stopTimeout-5*time.Second)
			defer cancel()
			drain, cancelDrain := context.WithTimeout(ctx, drainTimeout)
			actors.Drain(drain, s.system)
			cancelDrain()
			return s.tree.Stop(ctx)
		case err := <-s.tree.Failed():
			s.log.Error("the supervision tree failed", "error", err)
			return err
		}
	}
}

func (s *server) reload() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	_ = actors.Reload(ctx, s.system) // its failure is in the log; the running configuration stays
}

// reporter is the pipe of who started this daemon in the background, or nowhere.
func reporter() io.WriteCloser {
	fd, err := strconv.Atoi(os.Getenv(reportEnv))
	if err != nil {
		return nowhere{}
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "report")
}

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Close() error                { return nil }

func prepareDirs(s *config.Snapshot) error {
	g := s.Global
	for _, dir := range []string{g.StateDir, g.CacheDir, g.ImagesPath, g.ProfilePath, filepath.Dir(g.LogFile)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("state directories: %w", err)
		}
	}
	return nil
}

// logger writes to standard error in the foreground and to the log file in the background.
func logger(s *config.Snapshot, toFile bool) (*slog.Logger, func(), error) {
	if !toFile {
		return slog.New(slog.NewTextHandler(os.Stderr, nil)), func() {}, nil
	}
	f, err := os.OpenFile(s.Global.LogFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, nil, fmt.Errorf("log file: %w", err)
	}
	return slog.New(slog.NewTextHandler(f, nil)), func() { f.Close() }, nil
}

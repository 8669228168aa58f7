package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/config"
)

// Config is all that the daemon needs from outside.
type Config struct {
	Snapshot *config.Snapshot // in force at the start; its directory is read again at SIGHUP
	Version  string
	Log      io.Writer
	Debug    bool   // log what the actor library says, too
	Ready    func() // called once it serves

	NoResume bool // operations that an earlier daemon has left are ended as failed

	StopTimeout time.Duration // from the first signal to the end; 25 s when 0
}

// drainTimeout bounds how long clients are told of the end of their operations.
const drainTimeout = 3 * time.Second

// Run is the daemon's life. It returns nil after an orderly stop, a *RunningError when another daemon has the state
// directory, and otherwise one line that says what failed and what to do. After an error the process must end: what did
// not stop in time still runs.
func Run(cfg Config) error {
	if cfg.StopTimeout == 0 {
		cfg.StopTimeout = 25 * time.Second
	}
	global := &cfg.Snapshot.Global
	if err := prepareDirs(global); err != nil {
		return err
	}
	lock, err := At(global.StateDir).acquire(global.Server)
	if err != nil {
		return err
	}
	defer lock.Close()
	log, err := newLog(cfg)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer signal.Stop(signals)
	// Whoever read the log may have gone: that must not end the daemon. (Ignored it would be in every program it starts.)
	signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE)

	s, err := build(cfg, log)
	if err != nil {
		return err
	}
	log.Info("serving", "nodes", len(cfg.Snapshot.Nodes), "address", global.Server, "pid", os.Getpid())
	cfg.Ready()
	notify(ready)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go s.watchdog(ctx)
	return s.wait(signals, cfg.StopTimeout)
}

// newLog writes the first line itself: a log that cannot be written is found before anything is served.
func newLog(cfg Config) (*slog.Logger, error) {
	level := slog.LevelInfo
	if cfg.Debug {
		level = slog.LevelDebug
	}
	handler := slog.NewTextHandler(cfg.Log, &slog.HandlerOptions{Level: level})
	first := slog.NewRecord(time.Now(), slog.LevelInfo, "starting", 0)
	first.Add("version", cfg.Version, "config", cfg.Snapshot.Dir)
	if err := handler.Handle(context.Background(), first); err != nil {
		return nil, fmt.Errorf("the log cannot be written: %w; free some space, or set log_to_file", reason(err))
	}
	return slog.New(handler), nil
}

func prepareDirs(g *config.Global) error {
	for _, d := range []struct{ key, path string }{
		{"state_dir", g.StateDir}, {"kadeploy_cache_dir", g.CacheDir}, {"tftp_images_path", g.ImagesPath}, {"tftp_cfg", g.ProfilePath},
	} {
		if err := prepareDir(d.path); err != nil {
			return fmt.Errorf("%s %s: %w; the daemon writes there: make it writable, or set %s", d.key, d.path, reason(err), d.key)
		}
	}
	return nil
}

// PrepareStateDir makes the directory of what a server keeps, for programs that come before the first daemon: others may look into it, as
// they may where a daemon has made it.
func PrepareStateDir(g *config.Global) error {
	if err := prepareDir(g.StateDir); err != nil {
		return fmt.Errorf("state_dir %s: %w; make it writable, or set state_dir", g.StateDir, reason(err))
	}
	return nil
}

// prepareDir makes a directory and finds out by writing whether it can be written: rights alone do not tell.
func prepareDir(path string) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(path, ".writable-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// reason leaves out the operation and the path of a file error, which the caller says better.
func reason(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// beside is a program installed in the directory of this one.
func beside(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	return filepath.Join(filepath.Dir(self), name), nil
}

package command

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/cmd/kadeploy-server/daemon"
	"github.com/kadeploy/kadeploy/config"
)

// reportEnv names the file descriptor on which a daemon in the background reports to who started it: readyLine once it
// serves, anything else is the reason why it does not.
const (
	reportEnv = "KADEPLOY_SERVER_REPORT_FD"
	readyLine = "ready"
)

// startTimeout is how long a daemon in the background may take until it serves.
const startTimeout = time.Minute

// manner is how a daemon is started.
type manner struct{ debug, noResume bool }

func mannerOf(c *cli.Context) manner { return manner{c.Bool("debug"), c.Bool("no-resume")} }

// foreground is the daemon's life in this process.
func (r *runner) foreground(snapshot *config.Snapshot, how manner) error {
	report, err := reporter()
	if err != nil {
		return err
	}
	defer report.Close()
	err = daemon.Run(daemon.Config{
		Snapshot: snapshot, Version: r.Version, Log: r.Stderr, Debug: how.debug, NoResume: how.noResume,
		Ready: func() {
			fmt.Fprintln(report, readyLine)
			report.Close()
		},
	})
	var running *daemon.RunningError
	if errors.As(err, &running) {
		err = fmt.Errorf("%w; stop it first: kadeploy-server stop -d %s", err, snapshot.Dir)
	}
	if err != nil {
		fmt.Fprintln(report, err)
	}
	return err
}

// reporter is the pipe of who started this daemon in the background, or nowhere.
func reporter() (io.WriteCloser, error) {
	text, set := os.LookupEnv(reportEnv)
	if !set {
		return nowhere{}, nil
	}
	fd, err := strconv.Atoi(text)
	if err != nil || fd < 3 {
		return nil, usage("start", "%s is set by kadeploy-server itself: unset it", reportEnv)
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "report"), os.Unsetenv(reportEnv)
}

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Close() error                { return nil }

// background starts this program again in a session of its own and returns once it serves, or says why it does not. The
// log file is the daemon's standard error, so that the stack of a crash is in it too.
func (r *runner) background(snapshot *config.Snapshot, how manner) error {
	log, err := openLog(snapshot.Global.LogFile)
	if err != nil {
		return err
	}
	defer log.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	cmd := exec.Command(self, "start", "--foreground", "--config-dir="+snapshot.Dir, fmt.Sprintf("--debug=%t", how.debug), fmt.Sprintf("--no-resume=%t", how.noResume))
	cmd.Env = append(os.Environ(), reportEnv+"=3")
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, []*os.File{write}
	cmd.Dir = "/" // where it was started from may be unmounted
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	write.Close()
	if err != nil {
		return err
	}
	if err := awaitReady(read, snapshot.Global.LogFile); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			_ = cmd.Process.Kill() // it may have ended by itself just now
		}
		_ = cmd.Wait()
		return err
	}
	fmt.Fprintf(r.Stdout, "kadeploy-server started, pid %d, serving %s on %s, log %s\n",
		cmd.Process.Pid, plural(len(snapshot.Nodes), "node"), snapshot.Global.Server, snapshot.Global.LogFile)
	return cmd.Process.Release()
}

// awaitReady reads what the daemon reports; the end of the pipe is the end of its words, or its own.
func awaitReady(report *os.File, log string) error {
	if err := report.SetReadDeadline(time.Now().Add(startTimeout)); err != nil {
		return err
	}
	said, err := io.ReadAll(bufio.NewReader(io.LimitReader(report, 64<<10)))
	text := strings.TrimSpace(string(said))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the daemon did not get ready in %s (%w) and was killed; see %s", startTimeout, err, log)
	case err != nil:
		return err
	case text == "":
		return fmt.Errorf("the daemon ended without a word; see %s", log)
	case text != readyLine:
		return errors.New(text)
	}
	return nil
}

func openLog(path string) (*os.File, error) {
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	var f *os.File
	if err == nil {
		f, err = os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	}
	var bad *os.PathError
	if errors.As(err, &bad) {
		return nil, fmt.Errorf("log file %s: %w; make it writable, or set log_to_file", path, bad.Err)
	}
	return f, err
}

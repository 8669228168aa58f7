package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/config"
)

// stopTimeout is what a daemon has to stop in order before it is killed.
const stopTimeout = 30 * time.Second

// load reads the configuration and prints all its problems.
func load(c *cli.Context) (*config.Snapshot, error) {
	snapshot, problems := config.Load(c.String("d"))
	if problems.HasErrors() {
		_ = problems.WriteText(os.Stderr)
		return nil, cli.Exit(fmt.Sprintf("the configuration in %s is not valid", c.String("d")), exitUsage)
	}
	return snapshot, nil
}

func start(c *cli.Context) error {
	snapshot, err := load(c)
	if err != nil {
		return err
	}
	if c.Bool("foreground") {
		return serve(c, snapshot)
	}
	return background(snapshot)
}

// readyLine is what a daemon in the background says to who started it; anything before it is the reason of a failure.
const readyLine = "ready"

// background starts this program again in a session of its own and returns once it serves, or says why it does not.
func background(snapshot *config.Snapshot) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	cmd := exec.Command(self, "start", "--foreground", "-d", snapshot.Dir)
	cmd.Env = append(os.Environ(), reportEnv+"=3")
	cmd.ExtraFiles = []*os.File{write}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	write.Close()
	if err != nil {
		return err
	}
	said, err := io.ReadAll(bufio.NewReader(io.LimitReader(read, 64<<10)))
	if err != nil {
		return err
	}
	if text := strings.TrimSpace(string(said)); text != readyLine {
		_ = cmd.Wait()
		if text == "" {
			text = "the daemon ended without a word; see " + snapshot.Global.LogFile
		}
		return cli.Exit(text, exitFailed)
	}
	fmt.Printf("kadeploy-server started, pid %d, serving %d nodes on %s, log %s\n",
		cmd.Process.Pid, len(snapshot.Nodes), snapshot.Global.Server, snapshot.Global.LogFile)
	return cmd.Process.Release()
}

func stop(c *cli.Context) error {
	snapshot, err := load(c)
	if err != nil {
		return err
	}
	pid, err := end(snapshot)
	switch {
	case err != nil:
		return err
	case pid == 0:
		fmt.Println("kadeploy-server is not running")
	default:
		fmt.Printf("kadeploy-server stopped, pid %d\n", pid)
	}
	return nil
}

// end stops the daemon, 0 when there is none. One that does not end in time is killed and said to be.
func end(snapshot *config.Snapshot) (int, error) {
	i := instanceOf(snapshot.Global.StateDir)
	pid, _, err := i.running()
	if err != nil || pid == 0 {
		return 0, err
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return pid, fmt.Errorf("cannot stop pid %d: %w", pid, err)
	}
	for deadline := time.Now().Add(stopTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if now, _, _ := i.running(); now != pid {
			return pid, nil
		}
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	return pid, fmt.Errorf("pid %d did not stop in %s and was killed", pid, stopTimeout)
}

func restart(c *cli.Context) error {
	snapshot, err := load(c) // an invalid configuration must not cost the running daemon
	if err != nil {
		return err
	}
	if _, err := end(snapshot); err != nil {
		return err
	}
	return background(snapshot)
}

func status(c *cli.Context) error {
	snapshot, err := load(c)
	if err != nil {
		return err
	}
	pid, since, err := instanceOf(snapshot.Global.StateDir).running()
	if err != nil {
		return err
	}
	if pid == 0 {
		fmt.Println("kadeploy-server is not running")
		return cli.Exit("", exitDown)
	}
	fmt.Printf("kadeploy-server runs with pid %d since %s, serving %s on %s\n",
		pid, since.Format(time.DateTime), snapshot.Dir, snapshot.Global.Server)
	return nil
}

func checkConfig(c *cli.Context) error {
	snapshot, problems := config.Load(c.String("d"))
	if err := problems.WriteText(os.Stderr); err != nil {
		return err
	}
	if problems.HasErrors() {
		return cli.Exit(fmt.Sprintf("the configuration in %s is not valid", c.String("d")), exitUsage)
	}
	if node := c.String("explain"); node != "" {
		return explain(snapshot, node)
	}
	fmt.Printf("%s: %d nodes in %d clusters, no errors\n", snapshot.Dir, len(snapshot.Nodes), len(snapshot.Clusters()))
	return nil
}

func explain(snapshot *config.Snapshot, node string) error {
	values, err := snapshot.Explain(node)
	if err != nil {
		return cli.Exit(err.Error(), exitUsage)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, v := range values {
		fmt.Fprintf(w, "%s\t%s\t%s\n", v.Key, v.Value, v.Source)
	}
	return w.Flush()
}

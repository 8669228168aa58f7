package command

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/cmd/kadeploy-server/daemon"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/argv"
)

// patience is how long status waits for the daemon's answer.
const patience = 5 * time.Second

// serverStatus is the JSON of status.
type serverStatus struct {
	Running    bool   `json:"running"`
	PID        int    `json:"pid"`
	Since      string `json:"since"` // RFC 3339
	ConfigDir  string `json:"config_dir"`
	Server     string `json:"server"`
	Answers    bool   `json:"answers"`
	Version    string `json:"version"`
	Operations int    `json:"operations"` // under way
	Nodes      int    `json:"nodes"`      // of these
	Error      string `json:"error"`
}

func (r *runner) status(c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	instance, err := r.instance(c)
	if err != nil {
		return err
	}
	process, err := instance.Running()
	if err != nil {
		return err
	}
	s := serverStatus{ConfigDir: absolute(c.String("config-dir"))}
	if process != nil {
		s.Running, s.PID, s.Server = true, process.PID, process.Server
		s.Since = process.Since.UTC().Format(time.RFC3339)
		s.ask(c.Context, c.String("config-dir"), r.Ask)
	}
	if asJSON {
		err = r.writeJSON(s)
	} else {
		err = r.showStatus(s, process)
	}
	switch {
	case err != nil:
		return err
	case !s.Running:
		return &argv.Failure{Code: exitDown}
	case !s.Answers:
		return fmt.Errorf("pid %d does not answer: %s; see its log, or restart it", s.PID, s.Error)
	}
	return nil
}

// ask fills in what only the daemon knows.
func (s *serverStatus) ask(ctx context.Context, dir string, ask func(ctx context.Context, server, socket string) (*message.Status, error)) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	socket, err := config.LocalSocket(dir)
	if err != nil {
		s.Error = err.Error()
		return
	}
	answer, err := ask(ctx, s.Server, socket)
	if err != nil {
		s.Error = err.Error()
		return
	}
	s.Answers, s.Version = true, answer.GetVersion()
	for _, o := range answer.GetOperations() {
		if o.GetRunning() {
			s.Operations++
			s.Nodes += int(o.GetTotal())
		}
	}
}

func (r *runner) showStatus(s serverStatus, process *daemon.Process) error {
	if !s.Running {
		_, err := fmt.Fprintln(r.Stdout, "kadeploy-server is not running")
		return err
	}
	_, err := fmt.Fprintf(r.Stdout, "kadeploy-server runs with pid %d since %s, serving %s on %s\n",
		s.PID, process.Since.Format(time.DateTime), s.ConfigDir, s.Server)
	if err == nil && s.Answers {
		_, err = fmt.Fprintf(r.Stdout, "%s running, %s\n", plural(s.Operations, "operation"), plural(s.Nodes, "node"))
	}
	return err
}

func absolute(dir string) string {
	if path, err := filepath.Abs(dir); err == nil {
		return path
	}
	return dir
}

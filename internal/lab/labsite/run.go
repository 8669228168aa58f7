package labsite

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/lab"
)

// Site is a configuration in a lab, and the programs that work with it.
type Site struct {
	*lab.Lab
	Conf     string // directory of the configuration
	Programs string // directory of kadeploy, kadeploy-server and kadeploy-agent
}

// longest is how long any program may take.
const longest = 30 * time.Minute

// Run runs one of the programs in the server's namespace and returns what it wrote to its standard output. The error holds what it wrote to the other.
func (s *Site) Run(program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	var complaint strings.Builder
	cmd := s.OnServer(ctx, filepath.Join(s.Programs, program), args...)
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, complaint.String())
	}
	return string(out), err
}

// Report is what `kadeploy deploy --output json` says.
type Report struct {
	ID       string
	Outcome  string
	ExitCode int `json:"exit_code"`
	Text     string
	Seconds  float64
	Nodes    []NodeReport
}

// NodeReport is what it says of a node.
type NodeReport struct {
	Name, Phase, State, Cause string
	Evidence                  []string // last lines of what the node said
	Tries                     int
	Seconds                   map[string]float64 // by macro-step
}

// Deployment is one under way: the command, and what it has written.
type Deployment struct {
	cmd            *exec.Cmd
	out, complaint strings.Builder
	cancel         func()
}

// Deploy starts a deployment on all machines.
func (s *Site) Deploy(env string, args ...string) (*Deployment, error) {
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	d := &Deployment{cancel: cancel}
	line := append([]string{"deploy", "-d", s.Conf, "-m", fmt.Sprintf("node-[1-%d]", len(s.Machines)), "-a", env, "--output", "json"}, args...)
	d.cmd = s.OnServer(ctx, filepath.Join(s.Programs, "kadeploy"), line...)
	d.cmd.Stdout, d.cmd.Stderr = &d.out, &d.complaint
	return d, d.cmd.Start()
}

// Wait waits for the deployment's end, which is in the report whatever it is; the error is that there is no report.
func (d *Deployment) Wait() (r Report, err error) {
	defer d.cancel()
	exit := d.cmd.Wait()
	if err := json.Unmarshal([]byte(d.out.String()), &r); err != nil {
		return r, fmt.Errorf("kadeploy deploy: no report: %w: %s", exit, d.complaint.String())
	}
	return r, nil
}

// Events are those of a deployment that is over, as `kadeploy watch` tells them: a line each, with the seconds since its start.
func (s *Site) Events(id string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	out, err := s.OnServer(ctx, filepath.Join(s.Programs, "kadeploy"), "watch", "-d", s.Conf, id).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("kadeploy watch: %w: %s", err, out)
	}
	return string(out), err
}

package command

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/argv"
)

// load reads the configuration for the daemon, and prints its problems when there are errors among them.
func (r *runner) load(c *cli.Context) (*config.Snapshot, error) {
	return r.loadFrom(c.String("config-dir"), "-d")
}

// loadFrom is load, of the directory that a flag names.
func (r *runner) loadFrom(dir, flag string) (*config.Snapshot, error) {
	if err := readable(dir, flag); err != nil {
		return nil, err
	}
	snapshot, problems := config.Load(dir)
	if problems.HasErrors() {
		_ = problems.WriteText(r.Stderr)
		return nil, notValid(dir)
	}
	return snapshot, nil
}

func notValid(dir string) error {
	return &argv.Failure{Code: exitUsage, Err: fmt.Errorf("the configuration in %s is not valid", dir)}
}

// readable refuses a directory that cannot be one of a configuration.
func readable(dir, flag string) error {
	if err := config.CheckDir(dir); err != nil {
		return &argv.Failure{Code: exitUsage, Err: fmt.Errorf("%w (see %s DIR)", err, flag)}
	}
	return nil
}

// The JSON of check-config.
type (
	checked struct {
		ConfigDir    string        `json:"config_dir"`
		Valid        bool          `json:"valid"`
		Nodes        int           `json:"nodes"`
		Clusters     int           `json:"clusters"`
		Diagnostics  []diagnostic  `json:"diagnostics"`
		Explanations []explanation `json:"explanations,omitempty"`
	}
	diagnostic struct {
		Severity string `json:"severity"`
		File     string `json:"file"`
		Line     int    `json:"line"`
		Column   int    `json:"column"`
		Source   string `json:"source"`
		Summary  string `json:"summary"`
		Hint     string `json:"hint"`
	}
	explanation struct {
		Key    string `json:"key"`
		Value  string `json:"value"`
		Source string `json:"source"`
		Doc    string `json:"doc"`
	}
)

func (r *runner) checkConfig(c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	dir := c.String("config-dir")
	if err := readable(dir, "-d"); err != nil {
		return err
	}
	snapshot, problems := config.Load(dir)
	var explained []config.Explanation
	if node := c.String("explain"); node != "" && snapshot != nil {
		if explained, err = snapshot.Explain(node); err != nil {
			return &argv.Failure{Code: exitUsage, Err: err}
		}
	}
	if asJSON {
		err = r.writeJSON(newChecked(dir, snapshot, problems, explained))
	} else {
		err = r.showChecked(snapshot, problems, explained)
	}
	if err == nil && problems.HasErrors() {
		return notValid(dir)
	}
	return err
}

func newChecked(dir string, snapshot *config.Snapshot, problems config.Diagnostics, explained []config.Explanation) checked {
	out := checked{ConfigDir: dir, Diagnostics: []diagnostic{}}
	if snapshot != nil {
		out.ConfigDir, out.Valid, out.Nodes, out.Clusters = snapshot.Dir, true, len(snapshot.Nodes), len(snapshot.Clusters())
	}
	for _, d := range problems {
		out.Diagnostics = append(out.Diagnostics, diagnostic{d.Severity.String(), d.File, d.Line, d.Column, d.Source, d.Summary, d.Hint})
	}
	for _, e := range explained {
		out.Explanations = append(out.Explanations, explanation(e))
	}
	return out
}

func (r *runner) showChecked(snapshot *config.Snapshot, problems config.Diagnostics, explained []config.Explanation) error {
	if err := problems.WriteText(r.Stderr); err != nil {
		return err
	}
	switch {
	case snapshot == nil:
		return nil
	case explained != nil:
		return writeExplained(r.Stdout, explained)
	}
	_, err := fmt.Fprintf(r.Stdout, "%s: %s in %s, no errors\n", snapshot.Dir, plural(len(snapshot.Nodes), "node"), plural(len(snapshot.Clusters()), "cluster"))
	return err
}

func writeExplained(w io.Writer, explained []config.Explanation) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, e := range explained {
		fmt.Fprintf(t, "%s\t%s\t%s\n", e.Key, e.Value, e.Source)
	}
	return t.Flush()
}

func (r *runner) writeJSON(v any) error {
	e := json.NewEncoder(r.Stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

package command

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/wording"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

const (
	maxDescription = 1 << 20  // bytes
	maxKeys        = 64 << 10 // bytes
)

// plan is a checked command line: what to ask the server, and what to do with the answer.
type plan struct {
	command string
	submit  *message.Submit
	check   bool // a dry run
	noWait  bool

	disksOnly bool // of a dry run: show what becomes of the disks only

	results
}

// results is what is left behind when an operation has ended.
type results struct {
	json   bool
	ok, ko *outFile
	id     *outFile
	script string // absolute path, "" for none
}

// newPlan checks what deploy, start and reboot have in common.
func (r *runner) newPlan(c *cli.Context, op message.Operation) (*plan, error) {
	if err := noArguments(c); err != nil {
		return nil, err
	}
	return r.planOf(c, op)
}

// planOf checks the flags that all operations have.
func (r *runner) planOf(c *cli.Context, op message.Operation) (*plan, error) {
	p := &plan{command: c.Command.Name, check: c.Bool("dry-run") || c.Bool("plan"), noWait: c.Bool("no-wait"), disksOnly: c.Bool("plan") && !c.Bool("dry-run")}
	var err error
	if p.results, err = newResults(c); err != nil {
		return nil, err
	}
	if p.noWait && (p.ok.place.Path != "" || p.ko.place.Path != "" || p.script != "") {
		return nil, usage(p.command, "--no-wait leaves before the end: -o, -n and -s would never be; use kadeploy watch ID -o FILE -n FILE")
	}
	nodes, err := readNodes(p.command, c.StringSlice("machine"), c.StringSlice("file"), r.Stdin)
	if err != nil {
		return nil, err
	}
	p.submit = &message.Submit{User: r.User, Operation: op, Nodes: nodes}
	return p, nil
}

// newResults checks the flags of the results, as far as the command has them.
func newResults(c *cli.Context) (results, error) {
	var res results
	var err error
	command := c.Command.Name
	if res.json, err = wantsJSON(c); err != nil {
		return res, err
	}
	if res.ok, err = prepare(command, "-o", c.String("output-ok-nodes")); err != nil {
		return res, err
	}
	if res.ko, err = prepare(command, "-n", c.String("output-ko-nodes")); err != nil {
		return res, err
	}
	if res.id, err = prepare(command, "--write-id", c.String("write-id")); err != nil {
		return res, err
	}
	if res.script, err = checkScript(command, c.String("script")); err != nil {
		return res, err
	}
	return res, distinct(command, res.ok, res.ko, res.id)
}

func wantsJSON(c *cli.Context) (bool, error) {
	format, err := formatOf(c, "text", "json")
	return format == "json", err
}

// formatOf is the --output, which is one of some.
func formatOf(c *cli.Context, formats ...string) (string, error) {
	format := c.String("output")
	if !slices.Contains(formats, format) {
		return "", usage(c.Command.Name, "--output %s: not a format; %s", format, either(formats))
	}
	return format, nil
}

// either lists words, one of which is wanted: "text, csv or json".
func either(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func checkScript(command, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return "", usage(command, "-s %s: %w", name, wording.Bare(err))
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", usage(command, "-s %s: %w", name, wording.Bare(err))
	case !info.Mode().IsRegular():
		return "", usage(command, "-s %s: not a file", name)
	case info.Mode().Perm()&0o111 == 0:
		return "", usage(command, "-s %s: not executable (chmod +x)", name)
	}
	return path, nil
}

var fstype = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,31}$`)

// addDeployment checks what deploy and start have in common beyond newPlan.
func (r *runner) addDeployment(p *plan, c *cli.Context) (err error) {
	s := p.submit
	s.NoPartitioning, s.DryRun = c.Bool("no-partitioning"), p.check
	if s.MinNodes, err = minNodes(p.command, c.String("min-nodes"), c.IsSet("min-nodes"), len(s.Nodes)); err != nil {
		return err
	}
	if s.TmpFilesystem = c.String("reformat-tmp"); c.IsSet("reformat-tmp") {
		if s.FormatTmp = true; !fstype.MatchString(s.TmpFilesystem) {
			return usage(p.command, "-r %s: not the name of a file system, for example ext4", s.TmpFilesystem)
		}
	}
	if c.IsSet("key") {
		if s.Key, err = r.readKeys(p.command, c.String("key")); err != nil {
			return err
		}
	}
	s.NoKexec, s.BlockDevice, s.Partition = c.Bool("no-kexec"), c.String("block-device"), c.String("part")
	if s.Breakpoint = c.String("breakpoint"); c.IsSet("breakpoint") {
		if _, err := workflow.ParseBreakpoint(s.Breakpoint); err != nil {
			return usage(p.command, "--%w", err)
		}
	}
	if name := c.String("custom-steps"); name != "" {
		return p.readCustoms(name)
	}
	return nil
}

// readCustoms reads a file of custom operations, and finds what is wrong with it before the server does.
func (p *plan) readCustoms(name string) (err error) {
	s := p.submit
	if s.CustomOperations, s.CustomOperationsPath, err = readDescription(p.command, "--custom-steps", name); err != nil {
		return err
	}
	if _, problems := config.ParseCustomOperations(s.CustomOperations, s.CustomOperationsPath); problems.HasErrors() {
		return usage(p.command, "--custom-steps %s", problems.Error())
	}
	return nil
}

// minNodes checks a count or a percentage against the number of nodes asked.
func minNodes(command, text string, given bool, nodes int) (string, error) {
	if !given {
		return "", nil
	}
	digits, percent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(digits)
	switch {
	case err != nil || n < 1 || digits[0] == '+':
		return "", usage(command, "--min-nodes %s: neither a number of nodes nor a percentage, for example 7 or 90%%", text)
	case percent && n > 100:
		return "", usage(command, "--min-nodes %s: more than all of them", text)
	case !percent && n > nodes:
		return "", usage(command, "--min-nodes %s: only %d asked for", text, nodes)
	}
	return text, nil
}

// readKeys reads public keys; name "" is the user's own authorized_keys.
func (r *runner) readKeys(command, name string) ([]byte, error) {
	if name == "" {
		name = filepath.Join(r.Home, ".ssh", "authorized_keys")
	}
	keys, err := readInput(command, "-k", name, maxKeys)
	if err != nil {
		return nil, err
	}
	if bytes.Contains(keys, []byte("PRIVATE KEY-----")) {
		return nil, usage(command, "-k %s: is a private key, which never leaves this machine; give the public one (.pub)", name)
	}
	if len(bytes.TrimSpace(keys)) == 0 {
		return nil, usage(command, "-k %s: no key in it", name)
	}
	return keys, nil
}

// readDescription reads an environment's description, named with a flag; the server reads what is in it.
func readDescription(command, flag, name string) (text []byte, path string, err error) {
	if path, err = filepath.Abs(name); err != nil {
		return nil, "", usage(command, "%s %s: %w", flag, name, err)
	}
	if text, err = readInput(command, flag, name, maxDescription); err != nil {
		return nil, "", err
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, "", usage(command, "%s %s: the description is empty", flag, name)
	}
	return text, path, nil
}

// powerLevel accepts the levels of the commands that switch power.
func powerLevel(command, level string) (string, error) {
	switch level {
	case "soft", "hard", "very_hard":
		return level, nil
	}
	return "", usage(command, "-l %s: not a level; soft, hard or very_hard", level)
}

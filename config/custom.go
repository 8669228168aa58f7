package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kadeploy/kadeploy/internal/workflow"
)

// maxCustoms bounds the custom operations of one file.
const maxCustoms = 256

// ParseCustomOperations reads what a site or a user wants done around micro-steps: the lines of 2009 or the YAML of Kadeploy3
// (Kadeploy3 1.6, 2.6). Relative files start at the directory of path. It opens nothing. Nil when the diagnostics have errors.
func ParseCustomOperations(text []byte, path string) ([]workflow.Customs, Diagnostics) {
	src := newSource(path, text)
	c := &customDraft{draft: draft{src: src, report: newReport(), dir: filepath.Dir(path)}}
	switch {
	case len(text) > maxDescription:
		c.report.add(Error, position{source: src}, "", "a file of custom operations is at most %d bytes", maxDescription)
	case !utf8.Valid(text):
		c.report.add(Error, position{source: src}, "", "not a text file: invalid UTF-8")
	case isClassicCustom(src):
		c.readClassic()
	default:
		c.readYAML()
	}
	if c.operations() > maxCustoms {
		c.report.add(Error, position{source: src}, "", "more than %d custom operations", maxCustoms)
	}
	if c.report.list.HasErrors() {
		return nil, c.report.sorted()
	}
	return c.all, c.report.sorted()
}

// customDraft gathers the custom operations of a file.
type customDraft struct {
	draft
	all []workflow.Customs
}

func (c *customDraft) operations() (n int) {
	for _, s := range c.all {
		n += len(s.Pre) + len(s.Post) + len(s.Substitute)
	}
	return n
}

// place reads the micro-step that operations belong to.
func (c *customDraft) place(macro, micro string, at position) (workflow.Customs, bool) {
	b, err := workflow.ParseBreakpoint(macro + ":" + micro)
	if err != nil {
		_, msg, _ := strings.Cut(err.Error(), ": ")
		c.report.add(Error, at, "", "custom operations: %s", msg)
		return workflow.Customs{}, false
	}
	return workflow.Customs{Macro: b.Macro, Instance: b.Instance, Micro: b.Micro}, true
}

var classicCustom = regexp.MustCompile(`^\s*([A-Za-z]+),([a-z_]+)@(.*)$`)

func isClassicCustom(src *source) bool {
	for _, line := range src.lines {
		if trimmed := strings.TrimSpace(line); trimmed != "" && trimmed[0] != '#' {
			return classicCustom.MatchString(line)
		}
	}
	return false
}

// readClassic reads MACRO,MICRO@CMD%ARG%DIR,CMD%ARG%DIR. 2009 dropped exec%COMMAND% silently, against its own manual.
func (c *customDraft) readClassic() {
	for i, line := range c.src.lines {
		at := position{c.src, i + 1, 1 + indent(line)}
		if trimmed := strings.TrimSpace(line); trimmed == "" || trimmed[0] == '#' {
			continue
		}
		match := classicCustom.FindStringSubmatch(line)
		if match == nil {
			c.report.add(Error, at, "write MACRO,MICRO@exec%COMMAND% or MACRO,MICRO@send%FILE%DIRECTORY", "not a custom operation")
			continue
		}
		customs, ok := c.place(match[1], match[2], at)
		if !ok {
			continue
		}
		offset := len(match[0]) - len(match[3]) - indent(line)
		for _, item := range (value{text: match[3]}).list(",") {
			op, err := c.classicOperation(item.text, len(customs.Pre)+1)
			if err != nil {
				c.report.fault(at.shift(offset+item.offset), "custom operation", err)
				continue
			}
			customs.Pre = append(customs.Pre, op)
		}
		c.all = append(c.all, customs)
	}
}

func (c *customDraft) classicOperation(text string, number int) (workflow.Custom, error) {
	parts := strings.Split(strings.TrimSpace(text), "%")
	op := workflow.Custom{Name: fmt.Sprintf("%s-%d", parts[0], number), Do: workflow.Doing(parts[0])}
	if len(parts) < 2 || len(parts) > 3 {
		return op, faultf(0, "%q is not CMD%%ARG%%DIR", text)
	}
	switch {
	case op.Do == workflow.Exec:
		op.Command = strings.TrimSpace(parts[1])
	case op.Do == workflow.Send && len(parts) == 3:
		op.Destination = strings.TrimSpace(parts[2])
		file, err := locate(c.dir, parts[1])
		if err != nil {
			return op, err
		}
		op.File = file
	default:
		return op, faultf(0, "%q is neither send%%FILE%%DIRECTORY nor exec%%COMMAND%%", text)
	}
	return op, checkCustom(op)
}

// checkCustom refuses what could not be done on a node.
func checkCustom(op workflow.Custom) error {
	for _, text := range []string{op.Name, op.File, op.Destination, op.Params} {
		if err := singleLine(text); err != nil {
			return err
		}
	}
	switch {
	case strings.Contains(op.File, "://"):
		return faultf(0, "%s: %s cannot be fetched: name a file", op.Name, op.File)
	case strings.Contains(op.Command, "\x00"):
		return faultf(0, "%s: a zero byte in the command", op.Name)
	case !slices.Contains([]workflow.Doing{workflow.Exec, workflow.Send, workflow.RunFile}, op.Do):
		return faultf(0, "unknown action %q: exec, send or run", op.Do)
	case op.Do == workflow.Exec && op.Command == "":
		return faultf(0, "%s: exec needs a command", op.Name)
	case op.Do != workflow.Exec && op.File == "":
		return faultf(0, "%s: %s needs a file", op.Name, op.Do)
	case op.Do == workflow.Send && !strings.HasPrefix(op.Destination, "/") && !strings.HasPrefix(op.Destination, "$KADEPLOY_"):
		return faultf(0, "%s: send needs an absolute destination, a directory of the node", op.Name)
	}
	return nil
}

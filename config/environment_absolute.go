package config

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// AbsoluteEnvironment is ParseEnvironment, and the same description with every relative file in it made absolute, so that it
// means the same wherever it is put. All else in the text stays as it was written.
func AbsoluteEnvironment(text []byte, path string) ([]byte, *Environment, Diagnostics) {
	d, environment, problems := parseDraft(text, path)
	if environment == nil {
		return nil, nil, problems
	}
	moved := d.moved()
	elsewhere := "/" + path[strings.LastIndexByte(path, '/')+1:]
	again, _ := ParseEnvironment(moved, elsewhere)
	if again == nil || !slices.Equal(again.Files(), environment.Files()) { // aliases, escapes, file names with blanks
		problems = append(problems, Diagnostic{Severity: Error, File: path, Summary: "its relative files cannot be made absolute",
			Hint: "write absolute paths"})
		return nil, nil, problems
	}
	return moved, environment, problems
}

// moved writes absolute paths over the relative ones.
func (d *draft) moved() []byte {
	var changes []change
	for _, f := range d.files() {
		if place, err := locate(d.dir, f.text); err == nil {
			changes = append(changes, change{f, place})
		}
	}
	return d.rewritten(changes)
}

// files are the fields that name files: the image, the preinstall, the postinstalls.
func (d *draft) files() []field {
	files := []field{d.fields["image.file"]}
	for _, a := range slices.Concat(d.pre, d.post) {
		files = append(files, a.file)
	}
	return files
}

// change is a field and what is to stand in its place.
type change struct {
	field
	now string
}

// rewritten writes over the fields, from the end of the text to its beginning. A field that does not stand in the text as it is meant
// (an alias, escapes) stays: whoever calls looks at the result.
func (d *draft) rewritten(changes []change) []byte {
	slices.SortFunc(changes, func(a, b change) int {
		return cmp.Or(cmp.Compare(b.at.line, a.at.line), cmp.Compare(b.at.column, a.at.column))
	})
	lines := bytes.Split(d.src.text, []byte("\n"))
	for _, c := range changes {
		was := strings.TrimSpace(c.text)
		if c.now == was || c.at.line < 1 || c.at.line > len(lines) {
			continue
		}
		line := lines[c.at.line-1]
		from := min(max(c.at.column-1, 0), len(line))
		skipped := bytes.Index(line[from:], []byte(was))
		if skipped < 0 || skipped > 1 { // a quote may come first
			continue
		}
		from += skipped
		lines[c.at.line-1] = slices.Concat(line[:from], []byte(c.now), line[from+len(was):])
	}
	return bytes.Join(lines, []byte("\n"))
}

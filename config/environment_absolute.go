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

// moved writes absolute paths over the relative ones, from the end of the text to its beginning.
func (d *draft) moved() []byte {
	files := []field{d.fields["image.file"]}
	for _, a := range slices.Concat(d.pre, d.post) {
		files = append(files, a.file)
	}
	slices.SortFunc(files, func(a, b field) int {
		return cmp.Or(cmp.Compare(b.at.line, a.at.line), cmp.Compare(b.at.column, a.at.column))
	})
	lines := bytes.Split(d.src.text, []byte("\n"))
	for _, f := range files {
		place, err := locate(d.dir, f.text)
		name := strings.TrimSpace(f.text)
		if err != nil || place == name || f.at.line < 1 || f.at.line > len(lines) {
			continue
		}
		line := lines[f.at.line-1]
		from := min(max(f.at.column-1, 0), len(line))
		skipped := bytes.Index(line[from:], []byte(name))
		if skipped < 0 || skipped > 1 { // a quote may come first
			continue
		}
		from += skipped
		lines[f.at.line-1] = slices.Concat(line[:from], []byte(place), line[from+len(name):])
	}
	return bytes.Join(lines, []byte("\n"))
}

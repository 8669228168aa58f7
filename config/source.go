package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxFile bounds one configuration file; nodes.conf with a hundred thousand nodes is about 5 MB.
const maxFile = 16 << 20

// maxDiagnostics bounds what one reading says; nobody reads more.
const maxDiagnostics = 1000

// source is a file as it was read, for the lines that diagnostics show.
type source struct {
	path  string
	text  []byte
	lines []string
}

func newSource(path string, text []byte) *source {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, "\r")
	}
	return &source{path: path, text: text, lines: lines}
}

// readSource reads a regular UTF-8 text file of a bounded size.
func readSource(path string) (*source, error) {
	text, err := readFile(path, maxFile)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(text) {
		return nil, errors.New("not a text file: invalid UTF-8")
	}
	return newSource(path, text), nil
}

// readFile reads a regular file, never more than limit bytes; the error does not repeat the path.
func readFile(path string, limit int64) ([]byte, error) {
	if err := regularFile(path); err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, bare(err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, bare(err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("larger than %d bytes", limit)
	}
	return text, nil
}

// regularFile refuses what is missing or is not a file; opening a FIFO would wait for ever.
func regularFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return bare(err)
	case info.IsDir():
		return errors.New("is a directory, not a file")
	case !info.Mode().IsRegular():
		return errors.New("is not a regular file")
	}
	return nil
}

// bare drops the operation and the path of a file error: the diagnostic names them already.
func bare(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// position is a place in a source; line 0 is the file as a whole.
type position struct {
	source       *source
	line, column int
}

// shift moves a position to the right.
func (p position) shift(bytes int) position {
	p.column += bytes
	return p
}

// report gathers the diagnostics of one reading, each once.
type report struct {
	list Diagnostics
	seen map[Diagnostic]bool
	told map[string]bool // keys already noted as ignored
	hurt map[wound]bool
}

// wound is a place whose value was found wrong: a value that is computed for each node is reported for the first only.
type wound struct {
	at  position
	key string
}

func newReport() *report {
	return &report{seen: map[Diagnostic]bool{}, told: map[string]bool{}, hurt: map[wound]bool{}}
}

func (r *report) add(severity Severity, at position, hint, format string, args ...any) {
	d := Diagnostic{Severity: severity, Summary: maskSecrets(fmt.Sprintf(format, args...)), Hint: hint}
	if at.source != nil {
		d.File = at.source.path
	}
	if at.line > 0 {
		d.Line, d.Column = at.line, max(at.column, 1)
		if at.line <= len(at.source.lines) {
			d.Source = maskSecrets(at.source.lines[at.line-1])
		}
	}
	if r.seen[d] {
		return
	}
	r.seen[d] = true
	r.list = append(r.list, d)
}

// fault reports what is wrong with the value at a place.
func (r *report) fault(at position, key string, err error) {
	if r.hurt[wound{at, key}] {
		return
	}
	r.hurt[wound{at, key}] = true
	var f *fault
	if !errors.As(err, &f) {
		r.add(Error, at, "", "%s: %v", key, err)
		return
	}
	r.add(Error, at.shift(f.offset), f.hint, "%s: %s", key, f.msg)
}

// sorted returns the diagnostics by file, in the order the files were first spoken of, and by line.
func (r *report) sorted() Diagnostics {
	order := map[string]int{}
	for _, d := range r.list {
		if _, known := order[d.File]; !known {
			order[d.File] = len(order)
		}
	}
	slices.SortStableFunc(r.list, func(a, b Diagnostic) int {
		return cmp.Or(order[a.File]-order[b.File], a.Line-b.Line, a.Column-b.Column)
	})
	return bounded(r.list)
}

// bounded keeps the errors when there is more to say than anybody reads.
func bounded(list Diagnostics) Diagnostics {
	if len(list) <= maxDiagnostics {
		return list
	}
	slices.SortStableFunc(list, func(a, b Diagnostic) int { return int(a.Severity) - int(b.Severity) })
	last := list[maxDiagnostics-1]
	more := Diagnostic{Severity: last.Severity, File: last.File, Summary: fmt.Sprintf("%d more problems are not shown", len(list)-maxDiagnostics+1)}
	return append(list[:maxDiagnostics-1:maxDiagnostics-1], more)
}

// fault is what is wrong with a value, and where in its text.
type fault struct {
	offset    int // in bytes
	msg, hint string
}

func (f *fault) Error() string { return f.msg }

func faultf(offset int, format string, args ...any) *fault {
	return &fault{offset: offset, msg: fmt.Sprintf(format, args...)}
}

var secretValue = regexp.MustCompile(`(?i)([\w-]*passw(?:or)?d[\w-]*\s*=\s*).+`)

// maskSecrets hides the values of keys that are named like passwords.
func maskSecrets(line string) string { return secretValue.ReplaceAllString(line, "${1}***") }

// isSecret says that the value of a key must not be shown.
func isSecret(key string) bool {
	key = strings.ToLower(key)
	return strings.Contains(key, "passwd") || strings.Contains(key, "password")
}

package config

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Bounds of what one reading says; nobody reads more.
const (
	maxDiagnostics = 1000 // of each severity
	maxSuggestions = 100
)

// report gathers the diagnostics of one reading, each once.
type report struct {
	list Diagnostics
	seen map[Diagnostic]bool
	told map[string]bool // keys already noted as ignored
	hurt map[wound]bool

	count [Note + 1]int    // of each severity, those not kept too
	last  [Note + 1]string // the file of the last one
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
	r.count[severity]++
	r.last[severity] = d.File
	if r.count[severity] > maxDiagnostics {
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

// suggest is the hint for an unknown name among known ones. Comparing takes time: after many problems there is none.
func (r *report) suggest(name string, known func() []string) string {
	if len(r.list) > maxSuggestions {
		return ""
	}
	return didYouMean(name, known())
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
	for _, severity := range []Severity{Error, Warning, Note} {
		if more := r.count[severity] - maxDiagnostics; more > 0 {
			r.list = append(r.list, Diagnostic{Severity: severity, File: r.last[severity], Summary: fmt.Sprintf("%d more like these are not shown", more)})
		}
	}
	return r.list
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

var urlPassword = regexp.MustCompile(`(://[^:@/\s]*:)[^@\s]+@`)

// maskSecrets hides the values of keys that are named like passwords, and the passwords in URLs.
func maskSecrets(line string) string {
	return urlPassword.ReplaceAllString(secretValue.ReplaceAllString(line, "${1}***"), "${1}***@")
}

// isSecret says that the value of a key must not be shown.
func isSecret(key string) bool {
	key = strings.ToLower(key)
	return strings.Contains(key, "passwd") || strings.Contains(key, "password")
}

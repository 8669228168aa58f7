package config

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Severity says what a diagnostic does to its file.
type Severity int

// An Error refuses the files, a Warning accepts what is probably not meant, a Note tells what has no effect.
const (
	Error Severity = iota
	Warning
	Note
)

func (s Severity) String() string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	}
	return "note"
}

// Diagnostic is one remark about one place of a file.
type Diagnostic struct {
	Severity Severity
	File     string
	Line     int    // from 1; 0: the file as a whole
	Column   int    // in bytes, from 1
	Source   string // the line; passwords in it are masked
	Summary  string // one line: what is wrong
	Hint     string // what would be right; "" when nothing is known
}

// String is the diagnostic on one line: file:line:column: error: summary.
func (d Diagnostic) String() string {
	place := d.File
	if d.Line > 0 {
		place = fmt.Sprintf("%s:%d:%d", d.File, d.Line, d.Column)
	}
	return fmt.Sprintf("%s: %s: %s", place, d.Severity, printable(d.Summary))
}

// Diagnostics are all the remarks of one reading, in the order of the files and their lines.
type Diagnostics []Diagnostic

// HasErrors says that what was read must not be used.
func (ds Diagnostics) HasErrors() bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return d.Severity == Error })
}

// Error makes Diagnostics an error for callers that want one: its errors, one a line. Ask HasErrors first: a
// Diagnostics without errors in an error variable is not nil.
func (ds Diagnostics) Error() string {
	var lines []string
	for _, d := range ds {
		if d.Severity == Error {
			line := d.String()
			if d.Hint != "" {
				line += " (" + printable(d.Hint) + ")"
			}
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// WriteText prints every diagnostic with its source line, a caret under the column, and the hint.
func (ds Diagnostics) WriteText(w io.Writer) error {
	var text strings.Builder
	for _, d := range ds {
		fmt.Fprintln(&text, d)
		if d.Line > 0 {
			line, caret := excerpt(d.Source, d.Column)
			fmt.Fprintf(&text, "    %s\n    %s^\n", line, caret)
		}
		if d.Hint != "" {
			fmt.Fprintf(&text, "    hint: %s\n", printable(d.Hint))
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// excerptWidth is how much of a long line is shown, in characters.
const excerptWidth = 120

// excerpt cuts line to a readable width round the column and returns it with the blanks that bring a caret there.
func excerpt(line string, column int) (shown, blanks string) {
	before := utf8.RuneCountInString(line[:min(max(column-1, 0), len(line))])
	runes := []rune(printable(line))
	from := 0
	if len(runes) > excerptWidth {
		from = max(0, min(before-excerptWidth/2, len(runes)-excerptWidth))
		runes = runes[from : from+excerptWidth]
	}
	return string(runes), strings.Repeat(" ", before-from)
}

// printable keeps what a file holds from steering the terminal that shows it; every character stays one character.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return utf8.RuneError
	}, text)
}

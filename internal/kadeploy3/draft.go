package kadeploy3

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// draft is a configuration of ours under way: files of lines that know where they came from.
type draft struct {
	report *Report
	files  []*file
	extra  map[string][]byte // partition tables and scripts, by name
}

// file is one file of a draft.
type file struct {
	name   string
	report *Report
	lines  []line
}

// line is one line; one without an origin is a comment.
type line struct {
	text   string
	origin Place
}

func newDraft(report *Report) *draft { return &draft{report: report, extra: map[string][]byte{}} }

// file adds an empty file.
func (d *draft) file(name string) *file {
	f := &file{name: name, report: d.report}
	d.files = append(d.files, f)
	return f
}

// find returns the file of a name, nil when there is none.
func (d *draft) find(name string) *file {
	for _, f := range d.files {
		if f.name == name {
			return f
		}
	}
	return nil
}

// remove takes a file out.
func (d *draft) remove(name string) {
	for i, f := range d.files {
		if f.name == name {
			d.files = append(d.files[:i], d.files[i+1:]...)
			return
		}
	}
}

func (f *file) comment(text string) { f.lines = append(f.lines, line{text: text}) }

// raw adds a line as it is.
func (f *file) raw(text string, origin Place) { f.lines = append(f.lines, line{text, origin}) }

// set adds key = value, and nothing for a value that is empty. A value on several lines cannot be written, and is reported.
func (f *file) set(key, value string, origin Place) {
	value = strings.TrimSpace(value)
	switch {
	case value == "":
	case strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }):
		f.report.lost(origin, "%s: a value on several lines, or with control characters", key)
	default:
		f.raw(key+" = "+value, origin)
	}
}

// key is the key that a line of deploy.conf or of a cluster sets, "" for none.
func (l line) key() string {
	key, _, found := strings.Cut(l.text, "=")
	if l.origin == (Place{}) || !found {
		return ""
	}
	return strings.TrimSpace(key)
}

func (f *file) bytes() []byte {
	var b bytes.Buffer
	for _, l := range f.lines {
		b.WriteString(l.text)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// tidy takes out the lines that were blanked.
func (f *file) tidy() {
	f.lines = slices.DeleteFunc(f.lines, func(l line) bool { return l.text == "" && l.origin != (Place{}) })
}

// clusterName is what names a file of ours; it becomes part of a path.
var clusterName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$`)

// shellish are the characters that make a shell of a command line do something. Quotes are understood without one.
const shellish = "|&;<>()$`*?[]{}~#!\n"

// command writes a command for a server that runs it without a shell: one that needs a shell gets one.
func command(text string) string {
	text = strings.TrimSpace(text)
	if !strings.ContainsAny(text, shellish) {
		return text
	}
	return "sh -c '" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// bootFile is the name below tftp_images_path for a kernel or an initrd, whose URL nobody fetches here.
func (d *draft) bootFile(name string, origin Place) string {
	if !strings.Contains(name, "://") {
		return name
	}
	base := name[strings.LastIndexByte(name, '/')+1:]
	if base == "" {
		return name // the loader refuses it
	}
	d.report.lost(origin, "%s is not fetched by this version: put it as %s below tftp_images_path", name, base)
	return base
}

package kadeploy3

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// Bounds of a directory.
const (
	maxFile     = 4 << 20 // bytes
	maxClusters = 10_000
	homeOfYAML  = "/etc/kadeploy3" // the usual directory, which absolute names in a copy of it mean
)

// folder is the configuration directory that is imported. Nothing outside of it is read.
type folder struct {
	fs   fs.FS
	path string // absolute
}

func (f folder) has(name string) bool {
	info, err := fs.Stat(f.fs, name)
	return err == nil && info.Mode().IsRegular()
}

// first is the first of the names that is there, "" for none.
func (f folder) first(names ...string) string {
	for _, name := range names {
		if f.has(name) {
			return name
		}
	}
	return ""
}

// inside says what a file of the configuration is called below the directory.
func (f folder) inside(name string) (string, bool) {
	for _, home := range []string{f.path, homeOfYAML} {
		if rest, found := strings.CutPrefix(path.Clean(name), home+"/"); found {
			return rest, true
		}
	}
	name = path.Clean(name)
	return name, !path.IsAbs(name) && filepath.IsLocal(name)
}

// groups copies a file of node groups into the draft and returns its name there; one that is not of the directory stays where it is.
func (f folder) groups(d *draft, name string) string {
	below, inside := f.inside(name)
	if !inside {
		return f.outside(name)
	}
	text, err := f.read(below)
	if err != nil {
		return f.outside(name) // the loader says what is wrong with it
	}
	copied := "groups-" + fileName(below)
	d.extra[copied] = text
	return copied
}

// outside makes the name of a file of the server absolute.
func (f folder) outside(name string) string {
	if below, inside := f.inside(name); inside && f.has(below) {
		return path.Join(f.path, below)
	}
	if path.IsAbs(name) || strings.Contains(name, "://") {
		return name
	}
	return path.Join(f.path, name)
}

// read reads a file of text; the error has no name.
func (f folder) read(name string) ([]byte, error) {
	info, err := fs.Stat(f.fs, name)
	switch {
	case err != nil:
		return nil, wording.Bare(err)
	case !info.Mode().IsRegular():
		return nil, errors.New("not a regular file")
	}
	in, err := f.fs.Open(name)
	if err != nil {
		return nil, wording.Bare(err)
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	switch {
	case err != nil:
		return nil, wording.Bare(err)
	case len(text) > maxFile:
		return nil, fmt.Errorf("larger than %d bytes", maxFile)
	case !utf8.Valid(text):
		text = latin1(text)
	}
	return text, nil
}

// latin1 is what text of before UTF-8 says.
func latin1(text []byte) []byte {
	var out []byte
	for _, c := range text {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

// draft reads the directory, whatever its generation. The error is a directory that is of no use.
func (f folder) draft(report *Report) (*draft, error) {
	d := newDraft(report)
	switch server, classic := f.first("server.conf", "server_conf.yml"), f.has("conf"); {
	case server != "":
		if classic {
			report.note(Place{File: "conf"}, "not read: %s is what newer versions read", server)
		}
		return d, f.yaml(d, server)
	case classic:
		return d, f.classic(d)
	}
	return nil, errors.New("neither server.conf (Kadeploy3 since 3.1.5) nor conf (before) is in it")
}

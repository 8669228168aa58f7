package kadeploy3

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kadeploy/kadeploy/config"
)

// maxRounds bounds how often a draft is loaded: each round leaves out what the one before refused.
const maxRounds = 200

// effective are keys that our loader ignores and that had an effect which is missed.
var effective = map[string]bool{
	"async_end_of_deployment_hook": true, "async_end_of_reboot_hook": true, "async_end_of_power_hook": true,
	"set_vlan_cmd": true, "vlan_hostname_suffix": true,
}

// settle writes the draft to an empty directory and loads it as the server would, until nothing is refused. What was, is
// left out and reported where it came from. place is what the directory will be called.
func (d *draft) settle(dir, place string) (*config.Snapshot, error) {
	for range maxRounds {
		if err := d.write(dir); err != nil {
			return nil, err
		}
		snapshot, problems := config.Load(dir)
		changed, fatal := false, ""
		for _, p := range problems {
			p.Summary = strings.ReplaceAll(p.Summary, dir, place)
			if p.Severity == config.Warning {
				continue
			}
			if d.without(dir, p) {
				changed = true
			} else if p.Severity == config.Error && fatal == "" {
				fatal = fmt.Sprintf("%s: %s", d.name(dir, p), p.Summary)
			}
		}
		switch {
		case changed:
		case snapshot == nil:
			return nil, fmt.Errorf("the configuration cannot be made: %s", fatal)
		default:
			d.warn(dir, place, problems)
			return snapshot, nil
		}
	}
	return nil, fmt.Errorf("the configuration cannot be loaded, after %d rounds of leaving out what is wrong with it", maxRounds)
}

// write replaces what is in the directory.
func (d *draft) write(dir string) error {
	old, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range old {
		if err := os.RemoveAll(filepath.Join(dir, f.Name())); err != nil {
			return err
		}
	}
	for name, text := range d.extra {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	for _, f := range d.files {
		f.tidy()
		if err := os.WriteFile(filepath.Join(dir, f.name), f.bytes(), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// name is the file of a problem, in the draft.
func (d *draft) name(dir string, p config.Diagnostic) string {
	name, err := filepath.Rel(dir, p.File)
	if err != nil {
		return p.File
	}
	return name
}

// without leaves out what an error or a note is about, and says whether that was in the draft still: a line, a key, a
// cluster as a whole.
func (d *draft) without(dir string, p config.Diagnostic) bool {
	name := d.name(dir, p)
	f := d.find(name)
	if f != nil && p.Line > 0 && p.Line <= len(f.lines) && f.lines[p.Line-1].origin != (Place{}) {
		d.withoutLine(f, p)
		return true
	}
	cluster, isCluster := strings.CutPrefix(strings.TrimSuffix(name, ".conf"), "cluster-")
	switch {
	case isCluster && f == nil: // it went in this round
	case isCluster && p.Severity == config.Note:
		d.report.note(f.origin(), "%s", p.Summary)
		d.remove(name)
		delete(d.extra, "partition_file_"+cluster)
	case isCluster:
		d.report.lost(f.origin(), "cluster %s as a whole: %s", cluster, p.Summary)
		d.remove(name)
		delete(d.extra, "partition_file_"+cluster)
		d.withoutNodes(cluster)
	case d.extra[name] != nil:
		d.report.lost(Place{File: name}, "%s", p.Summary)
		delete(d.extra, name)
	default:
		return false
	}
	return true
}

// withoutLine blanks a line, or for a key that has no effect all lines of that key. Lines are taken out before the next
// round only, so that the numbers of other problems still fit.
func (d *draft) withoutLine(f *file, p config.Diagnostic) {
	l := f.lines[p.Line-1]
	if l.text == "" { // an earlier problem of this round was in it, too
		return
	}
	d.report.add(p.Severity == config.Error || effective[l.key()], l.origin, "%s", []any{p.Summary})
	f.lines[p.Line-1].text = ""
	if p.Severity == config.Note && l.key() != "" {
		d.blank(l.key())
	}
}

// withoutNodes blanks the nodes of a cluster.
func (d *draft) withoutNodes(cluster string) {
	nodes := d.find("nodes.conf")
	for i, l := range nodes.lines {
		if fields := strings.Fields(l.text); l.origin != (Place{}) && len(fields) > 2 && fields[2] == cluster {
			nodes.lines[i].text = ""
		}
	}
}

// blank empties the lines that set a key, in every file.
func (d *draft) blank(key string) {
	for _, f := range d.files {
		for i, l := range f.lines {
			if l.key() == key {
				f.lines[i].text = ""
			}
		}
	}
}

// origin is where the file came from.
func (f *file) origin() Place {
	for _, l := range f.lines {
		if l.origin.File != "" {
			return Place{File: l.origin.File}
		}
	}
	return Place{File: f.name}
}

// warn reports what the loader accepts and doubts.
func (d *draft) warn(dir, place string, problems config.Diagnostics) {
	for _, p := range problems {
		if p.Severity != config.Warning {
			continue
		}
		name := d.name(dir, p)
		at := Place{File: name}
		if f := d.find(name); f != nil && p.Line > 0 && p.Line <= len(f.lines) && f.lines[p.Line-1].origin.File != "" {
			at = f.lines[p.Line-1].origin
		}
		d.report.note(at, "%s", strings.ReplaceAll(p.Summary, dir, place))
	}
}

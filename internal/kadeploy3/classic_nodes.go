package kadeploy3

import (
	"errors"
	"fmt"
	"strings"
)

// classicNodes reads the file nodes, without the nodes of clusters that were not taken.
func (f folder) classicNodes(d *draft) error {
	text, err := f.read("nodes")
	if err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	out := d.file("nodes.conf")
	missing := map[string]bool{}
	for i, raw := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		at := Place{File: "nodes", Line: i + 1}
		fields := strings.Fields(raw)
		switch {
		case len(fields) == 0 || fields[0][0] == '#':
			out.comment(strings.TrimSpace(raw))
		case len(fields) == 3 && d.find("cluster-"+fields[2]+".conf") == nil:
			if !missing[fields[2]] {
				d.report.lost(at, "nodes of cluster %s: the cluster was not taken", fields[2])
			}
			missing[fields[2]] = true
		default:
			out.raw(strings.Join(fields, " "), at)
		}
	}
	if len(out.lines) == 0 {
		return errors.New("nodes: no node is in it")
	}
	return nil
}

// classicCommands reads the file cmd, HOST|KIND|COMMAND.
func (f folder) classicCommands(d *draft) {
	if !f.has("cmd") {
		return
	}
	text, err := f.read("cmd")
	if err != nil {
		d.report.lost(Place{File: "cmd"}, "%v", err)
		return
	}
	out := d.file("cmd")
	for i, raw := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		at := Place{File: "cmd", Line: i + 1}
		parts := strings.SplitN(strings.TrimSpace(raw), "|", 3)
		switch {
		case parts[0] == "" || parts[0][0] == '#':
			out.comment(strings.TrimSpace(raw))
		case len(parts) == 3 && strings.HasSuffix(parts[1], "_rsh"):
			d.report.note(at, "%s: rsh is not used", parts[1])
		case len(parts) == 3:
			out.raw(parts[0]+"|"+parts[1]+"|"+f.command(d, parts[2]), at)
		default:
			out.raw(strings.TrimSpace(raw), at)
		}
	}
}

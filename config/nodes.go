package config

import (
	"errors"
	"net"
	"strings"

	"github.com/kadeploy/kadeploy/internal/nodeset"
)

// classicNodes reads nodes.conf: HOST ADDRESS CLUSTER [key=value ...], with ranges in HOST and ADDRESS
// (Kadeploy3 2.4). Lines that cannot be read are errors, not skipped as in 2009.
func classicNodes(src *source, s *schema, c *census) {
	for i, line := range src.lines {
		at := position{src, i + 1, 1}
		fields, _, err := words(line)
		if err != nil && !strings.HasPrefix(strings.TrimSpace(line), "#") {
			c.report.fault(at, "this line", err)
			continue
		}
		for j, w := range fields {
			if line[w.offset] == '#' {
				fields = fields[:j]
				break
			}
		}
		if len(fields) > 0 {
			nodeLine(fields, at, s, c)
		}
	}
}

// nodeLine reads the fields of one line.
func nodeLine(fields []word, at position, s *schema, c *census) {
	if len(fields) < 3 {
		c.report.add(Error, at.shift(fields[0].offset), "write HOST ADDRESS CLUSTER [key=value ...]", "a node needs a name, an address and a cluster")
		return
	}
	names := expand(fields[0], "host", at, c.report)
	addresses := expand(fields[1], "address", at, c.report)
	cluster := fields[2].text
	if !clusterName.MatchString(cluster) {
		c.report.add(Error, at.shift(fields[2].offset), "", "%q is not the name of a cluster", cluster)
		return
	}
	l, mac := nodeValues(fields[3:], at, s, c.report)
	if names == nil || addresses == nil {
		return
	}
	if len(names) != len(addresses) {
		c.report.add(Error, at.shift(fields[1].offset), "", "%d names but %d addresses", len(names), len(addresses))
		return
	}
	if mac != nil && len(names) > 1 {
		c.report.add(Error, at, "give each node its own line", "one hardware address for %d nodes", len(names))
	}
	for i, name := range names {
		e := &entry{name: name, cluster: cluster, mac: mac, at: at.shift(fields[0].offset), layer: l, index: i}
		var err error
		if e.addr, err = parseAddress(addresses[i]); err != nil {
			c.report.fault(at.shift(fields[1].offset), "address", err)
		}
		c.admit(e)
	}
}

func expand(field word, what string, at position, r *report) []string {
	names, err := nodeset.Expand(field.text)
	var syntax *nodeset.SyntaxError
	if errors.As(err, &syntax) {
		r.add(Error, at.shift(field.offset+syntax.Offset), "", "%s %s: %s", what, field.text, syntax.Msg)
	}
	return names
}

// nodeValues reads the key=value fields of a node.
func nodeValues(fields []word, at position, s *schema, r *report) (*layer, net.HardwareAddr) {
	l := newLayer(at.source)
	var mac net.HardwareAddr
	for _, field := range fields {
		place := at.shift(field.offset)
		name, text, found := strings.Cut(field.text, "=")
		if !found {
			r.add(Error, place, "write key=value without blanks round the =", "%q is not key=value", field.text)
			continue
		}
		k := s.find(name, nodeScope, place, r)
		if k == nil {
			continue
		}
		place = place.shift(len(name) + 1)
		if k.name == "mac" {
			var err error
			if mac, err = parseMAC(text); err != nil {
				r.fault(place, "mac", err)
			}
			continue
		}
		l.assign(k, assignment{at: place, fixed: value{text: text}})
	}
	return l, mac
}

// classicCommands reads the file cmd, HOST|KIND|COMMAND, into the entries of the hosts (Kadeploy3 2.4). The line is
// split at the first two "|", so a command may hold more of them.
func classicCommands(src *source, s *schema, c *census) {
	for i, line := range src.lines {
		at := position{src, i + 1, 1 + indent(line)}
		if trimmed := strings.TrimSpace(line); trimmed == "" || trimmed[0] == '#' {
			continue
		}
		parts := strings.SplitN(line, "|", 3)
		if len(parts) != 3 {
			c.report.add(Error, at, "write HOST|KIND|COMMAND", "a command needs a host, a kind and the command")
			continue
		}
		kindAt := position{src, i + 1, 2 + len(parts[0]) + indent(parts[1])}
		kind := strings.TrimSpace(parts[1])
		k := s.commandKey(kind)
		switch {
		case k == nil && (kind == "reboot_soft_rsh" || kind == "cmd_soft_reboot_rsh"):
			c.report.ignored(s.byName["cmd_soft_reboot_rsh"], kindAt)
		case k == nil:
			c.report.add(Error, kindAt, c.report.suggest(kind, commandKinds), "unknown kind of command %q", kind)
		}
		host := word{strings.TrimSpace(parts[0]), indent(line)}
		from := position{src, i + 1, 3 + len(parts[0]) + len(parts[1]) + indent(parts[2])}
		for _, name := range expand(host, "host", position{src, i + 1, 1}, c.report) {
			e := c.names[strings.ToLower(name)]
			if e == nil {
				c.report.add(Error, at, c.report.suggest(name, c.known), "no node is named %q in nodes.conf", name)
			} else if k != nil {
				e.own().assign(k, assignment{at: from, fixed: value{text: strings.TrimSpace(parts[2])}})
			}
		}
	}
}

// own is the entry's layer, made its own when it is still shared with the other nodes of its line.
func (e *entry) own() *layer {
	if !e.alone {
		mine := newLayer(e.layer.source)
		for name, said := range e.layer.values {
			mine.values[name] = append([]assignment(nil), said...)
		}
		e.layer, e.alone = mine, true
	}
	return e.layer
}

// known lists node names to suggest from; the first thousand, because comparing with more takes too long.
func (c *census) known() []string {
	var names []string
	for _, e := range c.entries[:min(len(c.entries), 1000)] {
		names = append(names, e.name)
	}
	return names
}

package config

import "strings"

// classicLine is one "key = value" line.
type classicLine struct {
	key   string
	value string
	at    position // of the key
	from  position // of the value
}

// classicLines reads the syntax of 2009 (Kadeploy3 conf and specific_conf files) in its superset: any blanks round the
// first "=", indentation, empty values, "#" at the start of a line after blanks. It reports the lines it cannot read.
func classicLines(src *source, r *report) []classicLine {
	var list []classicLine
	for i, line := range src.lines {
		at := position{src, i + 1, 1 + indent(line)}
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || trimmed[0] == '#' {
			continue
		}
		key, val, found := strings.Cut(line, "=")
		key = strings.TrimSpace(key)
		switch {
		case !found:
			r.add(Error, at, "write key = value", "no \"=\" in this line")
			continue
		case key == "" || strings.ContainsAny(key, " \t"):
			r.add(Error, at, "write key = value", "%q is not a key", key)
			continue
		}
		start := strings.IndexByte(line, '=') + 1
		list = append(list, classicLine{
			key: key, value: strings.TrimSpace(val), at: at,
			from: position{src, i + 1, 1 + start + indent(val)},
		})
	}
	return list
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

// classicLayer reads deploy.conf or a cluster file.
func classicLayer(src *source, file scope, s *schema, r *report) *layer {
	l := newLayer(src)
	for _, line := range classicLines(src, r) {
		k := s.find(line.key, file, line.at, r)
		if k == nil {
			continue
		}
		if before := l.values[k.name]; len(before) > 0 && !k.appends {
			r.add(Warning, before[len(before)-1].at, "", "%s is set again on line %d, which wins", k.name, line.at.line)
		}
		l.assign(k, assignment{at: line.from, fixed: value{text: line.value}})
	}
	return l
}

package kadeploy3

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of a YAML file.
const (
	maxLeaves = 200_000
	maxDepth  = 20
)

// document is a YAML file as its leaves, each with its path from the root: pxe/dhcp/repository, clusters[0]/nodes[1]/name. Who
// takes a leaf marks it; what is left in the end was not understood.
type document struct {
	file   string
	leaves []*leaf
	byPath map[string]*leaf
	sizes  map[string]int // of the lists
	visits int
	twice  []*leaf // keys that the same mapping has again
}

// leaf is one value. An empty list or mapping, and null, are none.
type leaf struct {
	path, text string
	at         Place
	taken      bool
}

// parseDocument reads a YAML file. The error has a line but no file.
func parseDocument(file string, text []byte) (*document, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, fmt.Errorf("not YAML: %s", strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\n", " "), "yaml: "))
	}
	d := &document{file: file, byPath: map[string]*leaf{}, sizes: map[string]int{}}
	if root.Kind == 0 { // an empty file
		return d, nil
	}
	return d, d.add(root.Content[0], "", 0)
}

// add adds what is below a node. Aliases are followed; the bounds hold for what they multiply, too.
func (d *document) add(n *yaml.Node, path string, depth int) error {
	if d.visits++; d.visits > maxLeaves || depth > maxDepth {
		return fmt.Errorf("line %d: more than %d values, or deeper than %d levels", n.Line, maxLeaves, maxDepth)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return d.add(n.Alias, path, depth+1)
	case yaml.MappingNode:
		last := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			last[n.Content[i].Value] = i
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if key := n.Content[i]; last[key.Value] != i {
				d.twice = append(d.twice, &leaf{path: below(path, key.Value), at: Place{File: d.file, Line: key.Line, Column: key.Column}})
				continue
			}
			if err := d.add(n.Content[i+1], below(path, n.Content[i].Value), depth+1); err != nil {
				return err
			}
		}
	case yaml.SequenceNode:
		d.sizes[path] = len(n.Content)
		for i, item := range n.Content {
			if err := d.add(item, fmt.Sprintf("%s[%d]", path, i), depth+1); err != nil {
				return err
			}
		}
	case yaml.ScalarNode:
		l := &leaf{path: path, text: n.Value, at: Place{File: d.file, Line: n.Line, Column: n.Column}}
		if n.Tag == "!!null" {
			return nil
		}
		d.leaves = append(d.leaves, l)
		d.byPath[path] = l
	}
	return nil
}

// below is the path of an entry. Kadeploy3 accepts :name for name.
func below(path, key string) string {
	key = strings.TrimPrefix(key, ":")
	if path == "" {
		return key
	}
	return path + "/" + key
}

// take returns the first of these values that is there, marked, or nil.
func (d *document) take(paths ...string) *leaf {
	for _, path := range paths {
		if l := d.byPath[path]; l != nil {
			l.taken = true
			return l
		}
	}
	return nil
}

// pass marks what is below a path: it was reported as a whole.
func (d *document) pass(path string) {
	for _, l := range d.leaves {
		l.taken = l.taken || strings.HasPrefix(l.path, path)
	}
}

// value is the text, "" for nil.
func (l *leaf) value() string {
	if l == nil {
		return ""
	}
	return strings.TrimSpace(l.text)
}

// place is where the value stands; for nil the file as a whole.
func (d *document) place(l *leaf) Place {
	if l == nil {
		return Place{File: d.file}
	}
	return l.at
}

// yes says whether the value is true as Ruby's YAML has it.
func (l *leaf) yes() bool {
	switch strings.ToLower(l.value()) {
	case "true", "yes", "on":
		return true
	}
	return false
}

// number is the value as a whole number, or what it is when there is none.
func (l *leaf) number(missing int) (int, error) {
	if l == nil {
		return missing, nil
	}
	n, err := strconv.Atoi(l.value())
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number", l.value())
	}
	return n, nil
}

// reason says why a part of a file is not taken.
type reason struct {
	path string
	lost bool
	text string
	each bool // reported for every value, not once
}

var index = regexp.MustCompile(`\[\d+\]`)

// leftovers reports what nobody took, once for each reason; what has none is an unknown field.
func (d *document) leftovers(report *Report, reasons []reason) {
	for _, l := range d.twice {
		report.lost(l.at, "%s is there twice: as in Kadeploy3, the last one was taken", strings.ReplaceAll(l.path, "/", "."))
	}
	told := map[string]bool{}
	for _, l := range d.leaves {
		if l.taken {
			continue
		}
		plain := index.ReplaceAllString(l.path, "")
		r := reason{path: l.path, lost: true, text: "unknown field"}
		for _, known := range reasons {
			if plain == known.path || strings.HasPrefix(plain, known.path+"/") {
				r = known
				break
			}
		}
		if r.each {
			r.path = plain
		} else if told[r.path] {
			continue
		}
		told[r.path] = true
		report.add(r.lost, l.at, "%s: %s", []any{strings.ReplaceAll(r.path, "/", "."), r.text})
	}
}

package config

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// readYAML reads the description of Kadeploy3. The nodes of the document are read as they are written: 1.10 stays 1.10
// and yes is a boolean where one is wanted.
func (d *draft) readYAML() {
	top := d.yamlDocument()
	if top == nil {
		return
	}
	if top.Kind != yaml.MappingNode {
		d.unreadable = true
		d.report.add(Error, d.yamlPosition(top), "write name: NAME and the other fields, one on a line", "not a description")
		return
	}
	d.yamlTop(top)
}

// yamlDocument is the top of the file's one document; nil when it cannot be read, which is reported.
func (d *draft) yamlDocument() *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(d.src.text))
	var document, second yaml.Node
	if err := decoder.Decode(&document); err != nil {
		d.yamlError(err)
		return nil
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		d.report.add(Error, d.yamlPosition(&second), "", "more than one document in the file")
	}
	return document.Content[0]
}

var yamlMessage = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

func (d *draft) yamlError(err error) {
	d.unreadable = true
	at := position{source: d.src}
	message := err.Error()
	if errors.Is(err, io.EOF) {
		message = "the file is empty"
	}
	if match := yamlMessage.FindStringSubmatch(message); match != nil {
		message = match[2]
		if line, err := strconv.Atoi(match[1]); err == nil && line > 0 && line <= len(d.src.lines) {
			at.line, at.column = line, 1
		}
	}
	d.report.add(Error, at, "", "%s", sentence(message))
}

// yamlPosition converts a column, which YAML counts in characters, to ours, which counts bytes.
func (d *draft) yamlPosition(n *yaml.Node) position {
	at := position{source: d.src, line: n.Line, column: n.Column}
	if n.Line > 0 && n.Line <= len(d.src.lines) {
		line := d.src.lines[n.Line-1]
		at.column = 1
		for i := 1; i < n.Column && at.column <= len(line); i++ {
			_, size := utf8.DecodeRuneInString(line[at.column-1:])
			at.column += size
		}
	}
	return at
}

func (d *draft) yamlTop(top *yaml.Node) {
	groups := map[string]func(*yaml.Node){
		"image": func(n *yaml.Node) { d.yamlGroup("image", n) },
		"boot":  func(n *yaml.Node) { d.yamlGroup("boot", n) },
		"preinstall": func(n *yaml.Node) {
			d.pre = append(d.pre, d.yamlArchive(n))
		},
		"postinstalls": d.yamlPostinstalls,
		"options": func(n *yaml.Node) {
			d.report.add(Note, d.yamlPosition(n), "", "ignored: options: they concern images of several partitions")
		},
	}
	simple := fieldsOf("")
	known := slices.Concat(slices.Collect(maps.Keys(groups)), slices.Collect(maps.Keys(simple)))
	d.yamlMapping(top, known, func(name string, key, content *yaml.Node) {
		if read := groups[name]; read != nil {
			read(content)
			return
		}
		d.yamlField(simple[name], content)
	})
}

// yamlMapping gives each known entry of a mapping to read, and reports the others and repetitions.
func (d *draft) yamlMapping(n *yaml.Node, known []string, read func(name string, key, content *yaml.Node)) {
	if n = resolved(n); n.Kind != yaml.MappingNode {
		d.report.add(Error, d.yamlPosition(n), "", "a mapping (name: value) is wanted here")
		return
	}
	slices.Sort(known)
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, content := n.Content[i], n.Content[i+1]
		switch {
		case lines[key.Value] > 0:
			d.report.add(Error, d.yamlPosition(key), "", "%s is already on line %d", key.Value, lines[key.Value])
		case key.Kind != yaml.ScalarNode || !slices.Contains(known, key.Value):
			d.unknown(key.Value, d.yamlPosition(key), known)
		default:
			read(key.Value, key, content)
		}
		lines[key.Value] = key.Line
	}
}

// resolved follows an alias. Its depth is that of the description, which is fixed, so aliases cannot multiply.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func (d *draft) yamlGroup(group string, n *yaml.Node) {
	fields := fieldsOf(group)
	known := slices.Collect(maps.Keys(fields))
	if group == "boot" {
		known = append(known, "block_device", "partition")
	}
	d.yamlMapping(n, known, func(name string, key, content *yaml.Node) {
		f, isField := fields[name]
		if !isField {
			d.report.add(Note, d.yamlPosition(key), "", "ignored: %s: it concerns images of several partitions", name)
			return
		}
		d.yamlField(f, content)
	})
}

func (d *draft) yamlField(f descriptionField, n *yaml.Node) {
	text, ok := d.yamlScalar(n)
	if !ok {
		d.wrong[f.full()] = true
		return
	}
	d.set(f.full(), text.text, text.at)
}

func (d *draft) yamlScalar(n *yaml.Node) (field, bool) {
	at := d.yamlPosition(n)
	n = resolved(n)
	if n.Kind != yaml.ScalarNode {
		d.report.add(Error, at, "", "one value is wanted here, not a list or a mapping")
		return field{}, false
	}
	if n.Tag == "!!null" {
		return field{"", at}, true
	}
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		at.column++
	}
	return field{n.Value, at}, true
}

func (d *draft) yamlPostinstalls(n *yaml.Node) {
	list := resolved(n)
	if list.Kind != yaml.SequenceNode {
		d.report.add(Error, d.yamlPosition(n), "write - archive: FILE", "postinstalls is a list")
		return
	}
	for _, item := range list.Content[:min(len(list.Content), maxArchives+1)] {
		d.post = append(d.post, d.yamlArchive(item))
	}
}

func (d *draft) yamlArchive(n *yaml.Node) archiveDraft {
	archive := archiveDraft{at: d.yamlPosition(n), script: field{text: "none"}}
	d.yamlMapping(n, []string{"archive", "compression", "script"}, func(name string, key, content *yaml.Node) {
		text, ok := d.yamlScalar(content)
		if !ok {
			return
		}
		switch name {
		case "archive":
			archive.file = text
		case "compression":
			archive.compression = text
		default:
			archive.script = text
		}
	})
	return archive
}

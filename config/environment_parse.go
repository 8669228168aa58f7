package config

import (
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Bounds of a description, which may come from any user.
const (
	maxDescription = 256 << 10
	maxArchives    = 64
)

// ParseEnvironment reads the description of an environment (Kadeploy3 1.2, 2.5): HCL when path ends in .hcl, else the
// "key : value" lines of 2009 or Kadeploy3 YAML. Relative files start at the directory of path. It opens nothing: whether
// the image is there is for who uses it. Nil when the diagnostics have errors.
func ParseEnvironment(text []byte, path string) (*Environment, Diagnostics) {
	_, environment, problems := parseDraft(text, path)
	return environment, problems
}

func parseDraft(text []byte, path string) (*draft, *Environment, Diagnostics) {
	src := newSource(path, text)
	r := newReport()
	dir, err := filepath.Abs(filepath.Dir(path))
	switch {
	case err != nil:
		r.add(Error, position{source: src}, "", "%v", err)
	case len(text) > maxDescription:
		r.add(Error, position{source: src}, "", "a description is at most %d bytes", maxDescription)
	case !utf8.Valid(text):
		r.add(Error, position{source: src}, "", "not a text file: invalid UTF-8")
	}
	if r.list.HasErrors() {
		return nil, nil, r.list
	}
	d := &draft{src: src, report: r, dir: dir, fields: map[string]field{}, wrong: map[string]bool{}}
	switch {
	case strings.HasSuffix(path, ".hcl"):
		d.format = "hcl"
		d.readHCL()
	case isClassicDescription(src):
		d.format = "classic"
		d.readClassic()
	default:
		d.format = "yaml"
		d.readYAML()
	}
	// What could not be read at all would only be reported again as missing.
	if d.unreadable {
		return d, nil, r.sorted()
	}
	environment := d.build()
	if r.list.HasErrors() {
		environment = nil
	}
	return d, environment, r.sorted()
}

var classicField = regexp.MustCompile(`^\s*([A-Za-z_]\w*)[ \t]+:(?:[ \t]+(.*))?$`)

// isClassicDescription looks at the first line that says something: only 2009 has a blank before the colon.
func isClassicDescription(src *source) bool {
	for _, line := range src.lines {
		if trimmed := strings.TrimSpace(line); trimmed != "" && trimmed[0] != '#' {
			return classicField.MatchString(line)
		}
	}
	return false
}

// draft is a description before it is judged: what was written for each field, whatever the syntax.
type draft struct {
	src        *source
	report     *report
	dir        string
	format     string // classic, yaml or hcl
	of2009     bool
	unreadable bool
	wrong      map[string]bool  // fields reported already: they are not missing
	fields     map[string]field // by the names of descriptionFields
	pre        []archiveDraft
	post       []archiveDraft
}

// field is a text and where it stands.
type field struct {
	text string
	at   position
}

// archiveDraft is a preinstall or a postinstall.
type archiveDraft struct {
	at                        position
	file, compression, script field
}

// descriptionField is one field with its place in the structured syntaxes and its name of 2009.
type descriptionField struct {
	group   string // image, boot, or "" for the top
	name    string
	classic string // "" when 2009 had none
	form    form
}

func (f descriptionField) full() string {
	if f.group == "" {
		return f.name
	}
	return f.group + "." + f.name
}

// descriptionFields are all simple fields. Of 2009, tarball, preinstall and postinstall are read apart.
func descriptionFields() []descriptionField {
	return []descriptionField{
		{"", "name", "name", text},
		{"", "version", "version", number},
		{"", "description", "description", text},
		{"", "author", "author", text},
		{"", "visibility", "visibility", text},
		{"", "destructive", "demolishing_env", boolean},
		{"", "os", "environment_kind", text},
		{"", "filesystem", "filesystem", text},
		{"", "partition_type", "fdisktype", text},
		{"", "phone_home", "phone_home", boolean},
		{"", "multipart", "", boolean},
		{"image", "file", "", text},
		{"image", "kind", "", text},
		{"image", "compression", "", text},
		{"image", "sha256", "sha256", text},
		{"boot", "kernel", "kernel", text},
		{"boot", "initrd", "initrd", text},
		{"boot", "kernel_params", "kernel_params", text},
		{"boot", "hypervisor", "hypervisor", text},
		{"boot", "hypervisor_params", "hypervisor_params", text},
	}
}

// fieldsOf lists the fields of a group.
func fieldsOf(group string) map[string]descriptionField {
	fields := map[string]descriptionField{}
	for _, f := range descriptionFields() {
		if f.group == group {
			fields[f.name] = f
		}
	}
	return fields
}

// set stores a field; that none comes twice is seen by the readers, who know its name there.
func (d *draft) set(name, text string, at position) { d.fields[name] = field{text, at} }

func (d *draft) unknown(name string, at position, known []string) {
	d.report.add(Error, at, d.report.suggest(name, func() []string { return known }), "unknown field %q", name)
}

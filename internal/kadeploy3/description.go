package kadeploy3

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// The YAML of an environment, in the order in which people read it.
type (
	description struct {
		Name          string        `yaml:"name"`
		Version       int           `yaml:"version"`
		Description   string        `yaml:"description,omitempty"`
		Author        string        `yaml:"author,omitempty"`
		Visibility    string        `yaml:"visibility"`
		Destructive   bool          `yaml:"destructive,omitempty"`
		OS            string        `yaml:"os"`
		Image         imageYAML     `yaml:"image"`
		Preinstall    *archiveYAML  `yaml:"preinstall,omitempty"`
		Postinstalls  []archiveYAML `yaml:"postinstalls,omitempty"`
		Boot          bootYAML      `yaml:"boot,omitempty"`
		Filesystem    string        `yaml:"filesystem,omitempty"`
		PartitionType *yaml.Node    `yaml:"partition_type,omitempty"`
	}
	imageYAML struct {
		File        string `yaml:"file"`
		Kind        string `yaml:"kind"`
		Compression string `yaml:"compression"`
	}
	archiveYAML struct {
		Archive     string `yaml:"archive"`
		Compression string `yaml:"compression"`
		Script      string `yaml:"script"`
	}
	bootYAML struct {
		Kernel           string `yaml:"kernel,omitempty"`
		Initrd           string `yaml:"initrd,omitempty"`
		KernelParams     string `yaml:"kernel_params,omitempty"`
		Hypervisor       string `yaml:"hypervisor,omitempty"`
		HypervisorParams string `yaml:"hypervisor_params,omitempty"`
	}
)

// describe writes the description of an environment and reads it back with the parser that will: the error is what that
// refuses, or a field that would not be the same.
func (e *environment) describe(name string) ([]byte, error) {
	var text bytes.Buffer
	fmt.Fprintf(&text, "# From Kadeploy3, where it was of %s (%s).\n", wording.Clean(e.owner), e.place.Row)
	for _, sum := range e.sums {
		fmt.Fprintf(&text, "# Recorded checksum (MD5, or the ETag of a URL), not checked here: %s\n", wording.Clean(sum))
	}
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(e.yaml()); err != nil {
		return nil, err
	}
	if err := encoder.Close(); err != nil {
		return nil, err
	}
	again, problems := config.ParseEnvironment(text.Bytes(), name)
	if problems.HasErrors() {
		return nil, errors.New(refusals(problems))
	}
	want := e.Environment
	want.Versioned, want.Format = true, again.Format // what is written, not what it was
	if !reflect.DeepEqual(*again, want) {
		return nil, fmt.Errorf("it cannot be written as a description: a value would change (%.200s)", changed(again, &want))
	}
	return text.Bytes(), nil
}

func (e *environment) yaml() description {
	d := description{
		Name: e.Name, Version: e.Version, Description: e.Description, Author: e.Author, Visibility: e.Visibility,
		Destructive: e.Destructive, OS: e.OS, Filesystem: e.Filesystem,
		Image: imageYAML{e.Image.Path, e.Image.Kind, e.Image.Compression},
		Boot:  bootYAML{e.Kernel, e.Initrd, e.KernelParams, e.Hypervisor, e.HypervisorParams},
	}
	if e.PreInstall != nil {
		d.Preinstall = &archiveYAML{e.PreInstall.Path, e.PreInstall.Compression, e.PreInstall.Script}
	}
	for _, a := range e.PostInstall {
		d.Postinstalls = append(d.Postinstalls, archiveYAML{a.Path, a.Compression, a.Script})
	}
	if e.PartitionType != "0" {
		d.PartitionType = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: "0x" + e.PartitionType}
	}
	return d
}

// refusals are the errors of a description on one line, without places: they are of a file that is not there yet.
func refusals(problems config.Diagnostics) string {
	var texts []string
	for _, p := range problems {
		if p.Severity == config.Error {
			texts = append(texts, p.Summary)
		}
	}
	return strings.Join(texts, "; ")
}

// changed names the fields that differ.
func changed(a, b *config.Environment) string {
	var names []string
	x, y := reflect.ValueOf(*a), reflect.ValueOf(*b)
	for i := range x.NumField() {
		if !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			names = append(names, x.Type().Field(i).Name)
		}
	}
	return strings.Join(names, ", ")
}

// descriptions writes all environments as files below environments/, one a version, and returns them by name.
func (d *database) descriptions(report *Report) map[string][]byte {
	files := map[string][]byte{}
	places := map[string]bool{}
	taken := map[string]bool{} // in lower case: some file systems know no case
	add := adder{}
	for i := range d.envs {
		e := &d.envs[i]
		name := fmt.Sprintf("%s-%d", fileName(e.Name), e.Version)
		if taken[strings.ToLower(name)] {
			name += "." + fileName(e.owner)
		}
		for taken[strings.ToLower(name)] {
			name += fmt.Sprintf(".%d", i+1) // no other environment has this place in the table
		}
		text, err := e.describe("/" + name + ".yaml")
		if err != nil {
			report.lost(e.place, "environment %q of %s, version %d: %v", e.Name, e.owner, e.Version, err)
			continue
		}
		if e.KernelParams != "" && (d.old || !d.known && e.early) {
			report.note(e.place, "environment %q: its kernel_params stood instead of those of the cluster, and follow them now", e.Name)
		}
		taken[strings.ToLower(name)] = true
		files["environments/"+name+".yaml"] = text
		add.take(e.owner, "environments/"+name+".yaml")
		report.Environments++
		for _, file := range e.Files() {
			if strings.HasPrefix(file, "/") {
				places[path.Dir(file)] = true
			}
		}
	}
	if len(places) > 0 {
		report.note(Place{File: d.file, Row: "table environments"}, "files of the server are named in %s: put into image_roots (deploy.conf) those directories whose files everybody may name",
			strings.Join(slices.Sorted(maps.Keys(places)), ", "))
	}
	files["environments.sh"] = add.script()
	return files
}

// fileName makes a name of a file of a name of anything: letters, digits and . _ + - stay.
func fileName(text string) string {
	name := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._+-", r) {
			return r
		}
		return '_'
	}, text)
	for len(name) > 120 {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	name = strings.TrimLeft(name, ".-")
	if name == "" {
		return "environment"
	}
	return name
}

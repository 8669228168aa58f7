package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
)

// EnvironmentEdit is what is to be another in a description. What is nil or "" stays.
type EnvironmentEdit struct {
	Version     *int                     // where the description says one
	Destructive *bool                    // is put in when it is wanted and not there
	SHA256      string                   // of the image, where the description names a digest; an MD5 of it goes
	File        func(path string) string // where a file is now
}

var errNotEdited = errors.New("the description is written in a way that cannot be changed by itself: show it, change it, and add it as the next version")

// EditEnvironment changes a good description and leaves all else in its text as it was written. The result was read again: it
// means what the description meant, but for the edit.
func EditEnvironment(text []byte, path string, e EnvironmentEdit) ([]byte, *Environment, error) {
	d, environment, problems := parseDraft(text, path)
	if environment == nil {
		return nil, nil, fmt.Errorf("the description is not good any more: %w", problems)
	}
	edited := d.rewritten(e.changes(d))
	if _, found := d.fields["destructive"]; !found && e.Destructive != nil && *e.Destructive {
		edited = append(endOfLine(edited), d.destructiveLine()...)
	}
	again, _ := ParseEnvironment(edited, path)
	if want := e.meaning(environment); again == nil || !reflect.DeepEqual(again, want) {
		return nil, nil, errNotEdited
	}
	return edited, again, nil
}

// changes are the fields to write over.
func (e EnvironmentEdit) changes(d *draft) []change {
	var changes []change
	put := func(name, now string) {
		if f, found := d.fields[name]; found && f.text != "" {
			changes = append(changes, change{f, now})
		}
	}
	if e.Version != nil {
		put("version", strconv.Itoa(*e.Version))
	}
	if e.Destructive != nil && d.destructive() != *e.Destructive {
		put("destructive", d.flag(*e.Destructive))
	}
	if e.SHA256 != "" {
		put("image.sha256", e.SHA256)
		put("image.md5", "")
	}
	if e.File == nil {
		return changes
	}
	for _, f := range d.files() {
		if place, err := locate(d.dir, f.text); err == nil {
			if now := e.File(place); now != place { // one that stays is left as it was spelled
				changes = append(changes, change{f, now})
			}
		}
	}
	return changes
}

// meaning is what the edited description has to mean.
func (e EnvironmentEdit) meaning(was *Environment) *Environment {
	want := *was
	if e.Version != nil && was.Versioned {
		want.Version = *e.Version
	}
	if e.Destructive != nil {
		want.Destructive = *e.Destructive
	}
	if e.SHA256 != "" {
		want.Image.MD5 = ""
		if was.Image.SHA256 != "" {
			want.Image.SHA256 = e.SHA256
		}
	}
	if e.File == nil {
		return &want
	}
	want.Image.Path = e.File(was.Image.Path)
	if was.PreInstall != nil {
		pre := *was.PreInstall
		pre.Path = e.File(pre.Path)
		want.PreInstall = &pre
	}
	want.PostInstall = slices.Clone(was.PostInstall)
	for i := range want.PostInstall {
		want.PostInstall[i].Path = e.File(want.PostInstall[i].Path)
	}
	return &want
}

// flag is how the tag is written: 2009 counted failures, 10000 for always.
func (d *draft) flag(yes bool) string {
	switch {
	case !d.of2009:
		return strconv.FormatBool(yes)
	case yes:
		return "10000"
	}
	return "0"
}

func (d *draft) destructiveLine() string {
	switch d.format {
	case "classic":
		return "demolishing_env : " + d.flag(true) + "\n"
	case "hcl":
		return "destructive = true\n"
	}
	return "destructive: true\n"
}

func endOfLine(text []byte) []byte {
	if n := len(text); n > 0 && text[n-1] != '\n' {
		return append(text, '\n')
	}
	return text
}

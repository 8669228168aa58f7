package catalogue

import (
	"fmt"
	"path"
	"strings"
)

// Filter chooses what a list shows.
type Filter struct {
	Pattern     string // of names, with * and ?; "": every name
	Owner       string // "": one's own and the public ones; an admin's list has everything then
	AllVersions bool   // not the newest one only
}

// List is what somebody may see of the catalogue, by name, owner, and version, the newest first.
func (c *Catalogue) List(by Asker, f Filter) ([]Environment, error) {
	pattern := flat(f.Pattern)
	if _, err := path.Match(pattern, ""); err != nil || len(pattern) > MaxName {
		return nil, fmt.Errorf("%.70q is not a pattern of names: * stands for any characters, ? for one", f.Pattern)
	}
	var shown []Environment
	for _, e := range c.all {
		if matches, _ := path.Match(pattern, flat(e.Name)); pattern != "" && !matches || !e.listed(by, f.Owner) {
			continue
		}
		if n := len(shown); !f.AllVersions && n > 0 && shown[n-1].Name == e.Name && shown[n-1].Owner == e.Owner {
			continue
		}
		shown = append(shown, e)
	}
	return shown, nil
}

func (e Environment) listed(by Asker, owner string) bool {
	if owner != "" {
		return e.Owner == owner && e.open(by)
	}
	return e.Owner == by.User || e.Visibility == Public || by.Admin
}

// flat keeps slashes from being what they are in paths.
func flat(name string) string { return strings.ReplaceAll(name, "/", "\x00") }

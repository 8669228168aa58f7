package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// maxLinks is how many links one path may go through, as in Linux.
const maxLinks = 40

// member is an entry that counts: a later one of the same name replaces an earlier one, as when it is unpacked.
type member struct {
	entry
	place int // in the archive
}

type tree map[string]member

func newTree(list []entry) tree {
	t := make(tree, len(list))
	for i, e := range list {
		t[e.Name] = member{e, i}
	}
	return t
}

// find follows a path to a regular file as the kernel would, with the image as its root. Its errors read on from
// "image NAME has no PATH".
func (t tree) find(name string) (member, error) {
	links := 0
	m, err := t.walk(clean(name), &links)
	for err == nil && m.Type == tar.TypeLink {
		if links++; links > maxLinks {
			return m, errors.New(": its links go round in a circle")
		}
		target, ok := t[clean(m.Link)]
		if !ok {
			return m, fmt.Errorf(": it is a hard link to /%s, which is not there", clean(m.Link))
		}
		m = target
	}
	switch {
	case err != nil:
		return m, err
	case !m.regular():
		return m, fmt.Errorf(": /%s is not a regular file", m.Name)
	}
	return m, nil
}

func (t tree) walk(name string, links *int) (member, error) {
	at, rest := "", strings.Split(name, "/")
	for len(rest) > 0 {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = clean(path.Dir("/" + at))
			continue
		}
		at = path.Join(at, part)
		m := t[at]
		if m.Type != tar.TypeSymlink {
			continue
		}
		if *links++; *links > maxLinks {
			return m, errors.New(": its links go round in a circle")
		}
		rest = append(strings.Split(m.Link, "/"), rest...)
		if at = clean(path.Dir("/" + at)); strings.HasPrefix(m.Link, "/") {
			at = ""
		}
	}
	m, ok := t[at]
	switch {
	case ok:
		return m, nil
	case *links > 0:
		return m, fmt.Errorf(": it is a link to /%s, which is not there%s", at, t.near(at))
	}
	return m, errors.New(t.near(at))
}

// near lists files that whoever wrote the path may have meant.
func (t tree) near(name string) string {
	stem, _, _ := strings.Cut(path.Base("/"+name), "-")
	stem, _, _ = strings.Cut(stem, ".")
	if stem == "" || stem == "/" {
		return ""
	}
	var found []string
	for n, m := range t {
		dir := path.Dir("/" + n)
		if dir != "/" && dir != "/boot" && dir != path.Dir("/"+name) {
			continue
		}
		if (m.regular() || m.Type == tar.TypeLink) && strings.HasPrefix(path.Base(n), stem) {
			found = append(found, "/"+n)
		}
	}
	if len(found) == 0 {
		return ""
	}
	slices.Sort(found)
	return "; it has " + strings.Join(found[:min(3, len(found))], ", ")
}

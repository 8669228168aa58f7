package config

import (
	"maps"
	"slices"
	"strings"
)

// readClassic reads the "key : value" lines of 2009. Lines that are none are errors, not ignored as in 2009.
func (d *draft) readClassic() {
	d.of2009 = true
	names := map[string]string{"tarball": "", "preinstall": "", "postinstall": ""}
	for _, f := range descriptionFields() {
		if f.classic != "" {
			names[f.classic] = f.full()
		}
	}
	known := slices.Sorted(maps.Keys(names))
	seen := map[string]bool{}
	for i, line := range d.src.lines {
		at := position{d.src, i + 1, 1 + indent(line)}
		if trimmed := strings.TrimSpace(line); trimmed == "" || trimmed[0] == '#' {
			continue
		}
		match := classicField.FindStringSubmatchIndex(line)
		if match == nil {
			d.report.add(Error, at, "write key : value", "no key, blank and colon in this line")
			continue
		}
		key, text, from := line[match[2]:match[3]], "", at
		if match[4] >= 0 {
			text, from = strings.TrimSpace(line[match[4]:]), at.shift(match[4]-indent(line))
		}
		name, isKnown := names[key]
		switch {
		case !isKnown:
			d.unknown(key, at, known)
		case seen[key]:
			d.report.add(Error, at, "", "%s is there twice", key)
		case name != "":
			d.set(name, text, from)
		default:
			d.classicFile(key, text, from)
		}
		seen[key] = true
	}
}

// classicFile reads tarball, preinstall and postinstall.
func (d *draft) classicFile(key, text string, at position) {
	if key == "tarball" {
		d.tarball(text, at)
		return
	}
	items := value{text: text}.list(",")
	if key == "preinstall" && len(items) > 1 {
		d.report.add(Error, at.shift(items[1].offset), "", "only one preinstall is possible")
	}
	for _, item := range items {
		parts := strings.Split(item.text, "|")
		if len(parts) == 4 && (parts[2] == "" || md5Hex.MatchString(parts[2])) {
			d.report.add(Note, at.shift(item.offset), "", "the MD5 of a %s is not checked", key)
			parts = append(parts[:2], parts[3])
		}
		if len(parts) != 3 {
			d.report.add(Error, at.shift(item.offset), "write FILE|KIND|SCRIPT", "%q is not a %s", item.text, key)
			continue
		}
		place := at.shift(item.offset)
		archive := archiveDraft{
			at:          place,
			file:        field{parts[0], place},
			compression: field{parts[1], place.shift(len(parts[0]) + 1)},
			script:      field{parts[2], place.shift(len(item.text) - len(parts[2]))},
		}
		if key == "preinstall" {
			d.pre = append(d.pre, archive)
		} else {
			d.post = append(d.post, archive)
		}
	}
}

// tarball reads FILE|KIND, or FILE|KIND|MD5 as it was stored.
func (d *draft) tarball(text string, at position) {
	parts := strings.Split(text, "|")
	if len(parts) != 2 && len(parts) != 3 {
		d.wrong["image.file"] = true
		d.report.add(Error, at, "write FILE|KIND", "%q is not an image", text)
		return
	}
	d.set("image.file", parts[0], at)
	d.set("image.kind", strings.TrimSpace(parts[1]), at.shift(len(parts[0])+1))
	if len(parts) == 3 {
		d.set("image.md5", strings.TrimSpace(parts[2]), at.shift(len(text)-len(parts[2])))
	}
}

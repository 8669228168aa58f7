package config

import (
	"regexp"
	"strings"

	"github.com/kadeploy/kadeploy/internal/compress"
)

func (d *draft) image() Image {
	var image Image
	var err error
	if f, found := d.fields["image.file"]; found {
		image.Path, err = locate(d.dir, f.text)
		d.check("image.file", err)
	}
	if f, found := d.fields["image.kind"]; found {
		image.Kind, image.Compression, err = imageKind(f.text)
		d.check("image.kind", err)
	}
	if f, found := d.fields["image.compression"]; found {
		err := choice(f.text, compress.Names...)
		kind := d.fields["image.kind"].text
		if image.Kind == "" {
			err = nil // the kind is wrong, and says more
		} else if err == nil && kind != "tar" && kind != "dd" && f.text != image.Compression {
			err = faultf(0, "%s does not fit the kind %s", f.text, kind)
		}
		d.check("image.compression", err)
		image.Compression = f.text
	}
	image.SHA256 = d.digest("image.sha256", sha256Hex)
	image.MD5 = d.digest("image.md5", md5Hex)
	return image
}

func (d *draft) digest(name string, form *regexp.Regexp) string {
	f, found := d.fields[name]
	if found && f.text != "" && !form.MatchString(f.text) {
		d.check(name, faultf(0, "not a digest in hexadecimal"))
	}
	return strings.ToLower(f.text)
}

func (d *draft) archives() (*Archive, []Archive) {
	var pre *Archive
	for _, a := range d.pre {
		archive := d.archive(a, "preinstall")
		pre = &archive
	}
	var post []Archive
	for _, a := range d.post {
		if len(post) == maxArchives {
			d.report.add(Error, a.at, "", "more than %d postinstalls", maxArchives)
			break
		}
		post = append(post, d.archive(a, "postinstall"))
	}
	return pre, post
}

func (d *draft) archive(a archiveDraft, what string) Archive {
	var archive Archive
	var err error
	if a.file.at.source == nil || a.compression.at.source == nil {
		d.report.add(Error, a.at, "", "a %s needs an archive and a compression", what)
		return archive
	}
	if archive.Path, err = locate(d.dir, a.file.text); err != nil {
		d.report.fault(a.file.at, what, err)
	}
	archive.Compression = strings.TrimSpace(a.compression.text)
	if choice(archive.Compression, compress.Names...) != nil {
		if archive.Compression, err = archiveKind(a.compression.text); err != nil {
			d.report.fault(a.compression.at, what, err)
		}
	}
	archive.Script = strings.TrimSpace(a.script.text)
	if err := checkScript(archive.Script); err != nil {
		d.report.fault(a.script.at, what, err)
	}
	return archive
}

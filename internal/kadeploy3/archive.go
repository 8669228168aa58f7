package kadeploy3

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/config"
)

// image reads FILE|KIND|MD5.
func (e *environment) image(text string) error {
	parts := strings.Split(text, "|")
	if len(parts) != 2 && len(parts) != 3 {
		return fmt.Errorf("tarball %.80q is not FILE|KIND|CHECKSUM%s", text, full(text))
	}
	kind, compression, err := imageKind(parts[1])
	if err != nil {
		return err
	}
	e.Image = config.Image{Path: location(parts[0]), Kind: kind, Compression: compression}
	if len(parts) == 3 && parts[2] != "" {
		e.sums = append(e.sums, "image "+parts[2])
	}
	return nil
}

// archives reads the preinstall and the postinstalls.
func (e *environment) archives(pre, post string) error {
	if pre != "" && pre != "none" {
		a, err := e.archive("preinstall", pre)
		if err != nil {
			return err
		}
		e.PreInstall = &a
	}
	if post == "" || post == "none" {
		return nil
	}
	for item := range strings.SplitSeq(post, ",") {
		a, err := e.archive("postinstall", item)
		if err != nil {
			return fmt.Errorf("%w%s", err, full(post))
		}
		e.PostInstall = append(e.PostInstall, a)
	}
	return nil
}

// archive reads FILE|KIND|CHECKSUM|SCRIPT; the checksum may be empty, and is not there at all in some rows of 2009.
func (e *environment) archive(what, text string) (config.Archive, error) {
	parts := strings.Split(text, "|")
	if len(parts) == 3 {
		parts = slices.Insert(parts, 2, "")
	}
	if len(parts) != 4 {
		return config.Archive{}, fmt.Errorf("%s %.80q is not FILE|KIND|CHECKSUM|SCRIPT", what, text)
	}
	kind, compression, err := imageKind(parts[1])
	if err != nil || kind != "tar" {
		return config.Archive{}, fmt.Errorf("%s: %.20q is no kind of archive", what, parts[1])
	}
	if parts[2] != "" {
		e.sums = append(e.sums, what+" "+parts[2])
	}
	script := strings.TrimSpace(parts[3])
	if script == "" {
		script = "none"
	}
	return config.Archive{Path: location(parts[0]), Compression: compression, Script: script}, nil
}

// full explains a value that ends early: the columns held 512 characters, and MySQL cut the rest silently.
func full(text string) string {
	if len([]rune(text)) >= 512 {
		return ": it was cut at 512 characters when it was recorded"
	}
	return ""
}

// imageKind splits the short names of Kadeploy3.
func imageKind(short string) (kind, compression string, err error) {
	for _, k := range [...][3]string{
		{"tgz", "tar", "gzip"}, {"tbz2", "tar", "bzip2"}, {"txz", "tar", "xz"}, {"ddgz", "dd", "gzip"}, {"ddbz2", "dd", "bzip2"}, {"ddxz", "dd", "xz"},
	} {
		if short == k[0] {
			return k[1], k[2], nil
		}
	}
	if strings.HasPrefix(short, "fsa") {
		return "", "", errors.New("fsa images need fsarchiver on the nodes, which this version does not have: convert the image to tar or dd")
	}
	return "", "", fmt.Errorf("%.20q is no kind of image", short)
}

// location takes the scheme off the names of the server's and the client's own files.
func location(name string) string {
	name = strings.TrimSpace(name)
	for _, scheme := range []string{"server://", "local://", "file://"} {
		if rest, found := strings.CutPrefix(name, scheme); found {
			name = rest
		}
	}
	if strings.HasPrefix(name, "/") {
		return path.Clean(name)
	}
	return name
}

func absolute(file string) error {
	if strings.HasPrefix(file, "/") || strings.HasPrefix(file, "http://") || strings.HasPrefix(file, "https://") {
		return nil
	}
	return fmt.Errorf("the file %.80q starts at a directory that the database does not name", file)
}

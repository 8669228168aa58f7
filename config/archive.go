package config

import (
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
)

// setPreInstall reads FILE|KIND|SCRIPT items, or no_pre_install (Kadeploy3 2.3).
func setPreInstall(t *target, v value) (err error) {
	t.settings.PreInstall, err = archives(t.dir, v, "no_pre_install", t.global.MaxPreinstall)
	return err
}

// setPostInstall reads FILE|KIND|SCRIPT items, or no_post_install.
func setPostInstall(t *target, v value) (err error) {
	t.settings.PostInstall, err = archives(t.dir, v, "no_post_install", t.global.MaxPostinstall)
	return err
}

// archives reads a list of archives and looks at those that are files of the server; limit 0 is none.
func archives(dir string, v value, none string, limit int64) ([]Archive, error) {
	if v.String() == none {
		return nil, nil
	}
	var list []Archive
	for _, item := range v.list(",") {
		archive, err := parseArchive(dir, item.text)
		if err == nil && filepath.IsAbs(archive.Path) {
			err = checkArchive(archive.Path, limit)
		}
		if err != nil {
			return nil, item.at(err)
		}
		list = append(list, archive)
	}
	return list, nil
}

func checkArchive(path string, limit int64) error {
	size, err := readableFile(path)
	if err == nil && limit > 0 && size > limit {
		return faultf(0, "%s is larger than the limit of %d bytes", path, limit)
	}
	return err
}

// parseArchive reads FILE|KIND|SCRIPT, or FILE|KIND|MD5|SCRIPT as Kadeploy3 stored it.
func parseArchive(dir, text string) (Archive, error) {
	parts := strings.Split(text, "|")
	if len(parts) == 4 && (parts[2] == "" || md5Hex.MatchString(parts[2])) {
		parts = append(parts[:2], parts[3])
	}
	if len(parts) != 3 {
		return Archive{}, faultf(0, "%q is not FILE|KIND|SCRIPT", text)
	}
	compression, err := archiveKind(parts[1])
	if err != nil {
		return Archive{}, item{offset: len(parts[0]) + 1}.at(err)
	}
	path, err := locate(dir, parts[0])
	if err != nil {
		return Archive{}, err
	}
	script := strings.TrimSpace(parts[2])
	if err := checkScript(script); err != nil {
		return Archive{}, item{offset: len(text) - len(parts[2])}.at(err)
	}
	return Archive{Path: path, Compression: compression, Script: script}, nil
}

// archiveKind is the compression of a kind of tar archive.
func archiveKind(kind string) (string, error) {
	format, compression, err := imageKind(strings.TrimSpace(kind))
	if err != nil || format != "tar" {
		return "", faultf(0, "unknown kind of archive %q (known: tgz, tbz2, txz, tzst, tar)", kind)
	}
	return compression, nil
}

// imageKind splits the short kinds of Kadeploy3 (and tzst, ddzst, tar, dd) into format and compression.
func imageKind(kind string) (format, compression string, err error) {
	switch kind {
	case "tgz":
		return "tar", "gzip", nil
	case "tbz2":
		return "tar", "bzip2", nil
	case "txz":
		return "tar", "xz", nil
	case "tzst":
		return "tar", "zstd", nil
	case "tar":
		return "tar", "none", nil
	case "ddgz":
		return "dd", "gzip", nil
	case "ddbz2":
		return "dd", "bzip2", nil
	case "ddxz":
		return "dd", "xz", nil
	case "ddzst":
		return "dd", "zstd", nil
	case "dd":
		return "dd", "none", nil
	}
	if strings.HasPrefix(kind, "fsa") {
		return "", "", faultf(0, "fsa images need fsarchiver on the nodes, which this version does not have: convert the image to tar or dd")
	}
	return "", "", choice(kind, "tgz", "tbz2", "txz", "tzst", "tar", "ddgz", "ddbz2", "ddxz", "ddzst", "dd")
}

var (
	md5Hex    = regexp.MustCompile(`^[0-9a-fA-F]{32}$`)
	sha256Hex = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)
)

// locate makes a path absolute, or keeps an http(s) URL; server:// and local:// are files.
func locate(dir, text string) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", faultf(0, "a file is missing")
	}
	if err := singleLine(text); err != nil {
		return "", err
	}
	scheme, rest, isURL := strings.Cut(text, "://")
	if !isURL {
		return absolute(dir, text), nil
	}
	switch scheme {
	case "http", "https":
		u, err := url.Parse(text)
		if err != nil || u.Host == "" {
			return "", faultf(0, "%q is not a URL", text)
		}
		return text, nil
	case "server", "local", "file":
		return absolute(dir, rest), nil
	}
	return "", faultf(0, "unknown scheme %s:// (known: http, https, server, local)", scheme)
}

// checkScript accepts none, breakpoint, and a path inside the archive with its arguments.
func checkScript(script string) error {
	name, _, _ := strings.Cut(script, " ")
	if !filepath.IsLocal(name) {
		return faultf(0, "script %q is not a path inside the archive, none or breakpoint", script)
	}
	return singleLine(script)
}

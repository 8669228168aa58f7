package machine

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// filesystems are names of the field's length and letters; what they mean is mkfs's business.
var filesystems = regexp.MustCompile(`^[a-z][a-z0-9._-]{0,15}$`)

// CheckFilesystem says what is wrong with the name of a file system that mkfs shall make.
func CheckFilesystem(name string) error {
	if !filesystems.MatchString(name) || name == "swap" {
		return fmt.Errorf("%q is no file system", name)
	}
	return nil
}

// MountPoint cleans the name of a directory that something may be mounted on.
func MountPoint(dir string) (string, error) {
	if !path.IsAbs(dir) || path.Clean(dir) == "/" || len(dir) > 1024 || strings.ContainsRune(dir, 0) {
		return "", fmt.Errorf("%q: want an absolute directory other than /", dir)
	}
	return path.Clean(dir), nil
}

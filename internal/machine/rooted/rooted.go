// Package rooted names files of a system whose root is some directory, as that system itself would see them: absolute
// links start at that root, and ".." stops there. os.Root, which refuses absolute links, does the accesses.
package rooted

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// maxLinks is how many links one name may lead through, as in Linux.
const maxLinks = 40

// Resolve follows every link in name and returns the path below root that it stands for, without a leading slash. The
// last component need not exist, all before it must. Nobody else may change the tree meanwhile; if somebody does,
// os.Root still keeps every access inside.
func Resolve(root *os.Root, name string) (string, error) {
	todo := strings.Split(name, "/")
	at, links := ".", 0
	for len(todo) > 0 {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, part)
		info, err := root.Lstat(next)
		switch {
		case err != nil && len(todo) == 0 && os.IsNotExist(err):
			return next, nil
		case err != nil:
			return "", err
		case info.Mode()&fs.ModeSymlink == 0:
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s: more than %d links, do they form a circle?", name, maxLinks)
		}
		to, err := root.Readlink(next)
		if err != nil {
			return "", err
		}
		if path.IsAbs(to) {
			at = "."
		}
		todo = append(strings.Split(to, "/"), todo...)
	}
	return at, nil
}

// Stat describes the file that name stands for.
func Stat(root *os.Root, name string) (fs.FileInfo, error) {
	at, err := Resolve(root, name)
	if err != nil {
		return nil, err
	}
	return root.Stat(at)
}

// Dir is the path of an existing directory of the system at root, whose links lead nowhere else.
func Dir(root, name string) (string, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return "", err
	}
	defer r.Close()
	at, err := Resolve(r, name)
	if err != nil {
		return "", err
	}
	info, err := r.Stat(at)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%s is no directory", name)
	}
	return filepath.Join(root, at), nil
}

// MakeDir follows links to a directory and makes it when it is missing; what is before it must be there. It returns its path below root.
func MakeDir(root *os.Root, name string, mode os.FileMode) (string, error) {
	at, err := Resolve(root, name)
	if err != nil {
		return "", err
	}
	if err := root.Mkdir(at, mode); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	return at, nil
}

// MakeDirs is MakeDir for all directories of a name.
func MakeDirs(root *os.Root, name string, mode os.FileMode) (at string, err error) {
	at = "."
	for part := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		if at, err = MakeDir(root, path.Join("/", at, part), mode); err != nil {
			return "", err
		}
	}
	return at, nil
}

// Replace writes a file at a path that Resolve gave, at once: a reader, and a try that is repeated, sees the old file or the
// whole new one.
func Replace(root *os.Root, file string, text []byte, mode os.FileMode) error {
	temp := file + ".kadeploy"
	if err := root.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = root.Rename(temp, file)
	}
	if err != nil {
		root.Remove(temp)
	}
	return err
}

package config

import (
	"errors"
	"os"
	"path"
	"path/filepath"
)

// setPath stores a path of the server, absolute; relative ones start at the configuration directory.
func setPath(field func(*target) *string) setter {
	return func(t *target, v value) error {
		if v.text == "" {
			return errors.New("a path is missing")
		}
		*field(t) = absolute(t.dir, v.text)
		return singleLine(v.text)
	}
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// setBelow stores a directory that must lie below another one.
func setBelow(field, root func(*target) *string) setter {
	return func(t *target, v value) error {
		full := absolute(*root(t), v.text)
		inside, err := filepath.Rel(*root(t), full)
		if err != nil || !filepath.IsLocal(inside) {
			return faultf(0, "%s is not below tftp_repository (%s)", full, *root(t))
		}
		*field(t) = full
		return singleLine(v.text)
	}
}

// setDir stores a directory; one that does not exist yet is the business of who uses it.
func setDir(field func(*target) *string) setter {
	store := setPath(field)
	return func(t *target, v value) error {
		if err := store(t, v); err != nil {
			return err
		}
		if info, err := os.Stat(*field(t)); err == nil && !info.IsDir() {
			return faultf(0, "%s is not a directory", *field(t))
		}
		return nil
	}
}

// setFile stores a file that must exist.
func setFile(field func(*target) *string) setter {
	store := setPath(field)
	return func(t *target, v value) error {
		if err := store(t, v); err != nil {
			return err
		}
		if _, err := readableFile(*field(t)); err != nil {
			return err
		}
		return nil
	}
}

// setOptionalFile stores a file that must exist, "" for none.
func setOptionalFile(field func(*target) *string) setter {
	return func(t *target, v value) error {
		if *field(t) = ""; v.text == "" {
			return nil
		}
		return setFile(field)(t, v)
	}
}

// readableFile returns the size of a file that this process can read.
func readableFile(path string) (int64, error) {
	if err := regularFile(path); err != nil {
		return 0, faultf(0, "%s: %v", path, err)
	}
	file, err := os.Open(path)
	if err != nil {
		return 0, faultf(0, "%s: %v", path, bare(err))
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return 0, faultf(0, "%s: %v", path, bare(err))
	}
	return info.Size(), nil
}

// setNodePath stores an absolute directory of the nodes; "/" would put an image over the deployment system.
func setNodePath(field func(*target) *string) setter {
	return func(t *target, v value) error {
		clean := path.Clean(v.text)
		if !path.IsAbs(v.text) || clean == "/" {
			return faultf(0, "%q is not an absolute directory of the nodes below /", v.text)
		}
		*field(t) = clean
		return singleLine(v.text)
	}
}

package script

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kadeploy/kadeploy/internal/machine/rooted"
)

// Find gives the path of a script in the directory it was unpacked in. Links are followed inside it only.
func Find(dir, name string) (string, error) {
	if !filepath.IsLocal(name) {
		return "", errors.New("it must be a path inside the archive")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	at, err := rooted.Resolve(root, name)
	if err != nil {
		return "", err
	}
	info, err := root.Stat(at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", errors.New("no such file in the archive")
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", errors.New("it is no regular file")
	case info.Mode()&0o111 == 0:
		return "", errors.New("it is not executable (chmod +x before making the archive)")
	}
	return filepath.Join(dir, at), nil
}

package depot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// Access is what one user may name in one request.
type Access struct {
	Roots   []string          // directories of the server that everybody's descriptions may name files of; absolute
	Private []string          // directories that are never read so, even below a root; absolute
	Admin   bool              // every file that the server can read, private or not
	Uploads map[string]Digest // what the user says to have uploaded, by the path that the description names
}

// Source is where a file that a user named is to be read. Exactly one of File and Uploaded is set.
type Source struct {
	File     *os.File // open for reading; the caller closes it
	Path     string   // of File; with all links resolved when it is below a root
	Size     int64    // of File, bytes
	Uploaded *Digest  // Depot.Use has the path, if the user has sent it
}

// NeedsUploadError means that the server may not or cannot read a file, and takes it from the user instead.
type NeedsUploadError struct{ Path string } // as the description names it

func (e *NeedsUploadError) Error() string {
	return fmt.Sprintf("%s is not below the image_roots of the server: it must be uploaded", e.Path)
}

// RefusedError means that a file is not read, wherever it came from.
type RefusedError struct{ Path, Reason string }

func (e *RefusedError) Error() string { return e.Path + " " + e.Reason }

// Resolve decides where a file that a user named is read: what the user uploaded for it; or the server's own file, when it is
// below a root once every link is resolved, or the user is an admin. Otherwise it is a *NeedsUploadError, or a *RefusedError.
//
// A file of the server comes open, because its path may lead elsewhere a moment later for whoever may write there. What a user
// could not see is not told: whether a file outside of the roots exists makes no difference.
func Resolve(a Access, path string) (Source, error) {
	switch {
	case strings.Contains(path, "://"):
		return Source{}, &RefusedError{path, "is a URL, which this version does not fetch: copy the file and name its path"}
	case !filepath.IsAbs(path) || strings.ContainsRune(path, 0) || len(path) > maxPath:
		return Source{}, &RefusedError{path, "is no absolute path of a file"}
	}
	if digest, uploaded := a.Uploads[path]; uploaded {
		return Source{Uploaded: &digest}, nil
	}
	if a.Admin {
		return openAny(path)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return Source{}, &NeedsUploadError{path}
	}
	if _, _, private := below(a.Private, real); private {
		return Source{}, &NeedsUploadError{path}
	}
	root, inside, found := below(a.Roots, real)
	if !found {
		return Source{}, &NeedsUploadError{path}
	}
	return openBelow(root, inside, path)
}

// below finds the first directory that a path without links is in, and what the path is there.
func below(dirs []string, real string) (dir, inside string, found bool) {
	for _, dir := range dirs {
		dir, err := filepath.EvalSymlinks(dir)
		if err != nil {
			continue
		}
		if inside, err := filepath.Rel(dir, real); err == nil && filepath.IsLocal(inside) {
			return dir, inside, true
		}
	}
	return "", "", false
}

// maxPath is what the kernel takes.
const maxPath = 4096

// Without O_NONBLOCK a named pipe would hold the server for ever.
const readOnly = os.O_RDONLY | unix.O_NONBLOCK

func openAny(path string) (Source, error) {
	info, err := os.Stat(path) // before it is opened: a device may act
	if errors.Is(err, fs.ErrNotExist) {
		return Source{}, &NeedsUploadError{path}
	}
	if err := regular(path, info, err); err != nil {
		return Source{}, err
	}
	f, err := os.OpenFile(path, readOnly, 0)
	return opened(f, path, path, err)
}

// openBelow opens a file of a root, all links of whose path were resolved. Whoever changes the tree meanwhile gains nothing:
// os.Root follows no link out of it.
func openBelow(root, inside, path string) (Source, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return Source{}, regular(path, nil, err)
	}
	defer r.Close()
	info, err := r.Stat(inside)
	if err := regular(path, info, err); err != nil {
		return Source{}, err
	}
	f, err := r.OpenFile(inside, readOnly, 0)
	return opened(f, path, filepath.Join(root, inside), err)
}

// opened looks again: between the first look and the opening it may have become another file.
func opened(f *os.File, path, real string, err error) (Source, error) {
	if err != nil {
		return Source{}, regular(path, nil, err)
	}
	info, err := f.Stat()
	if err := regular(path, info, err); err != nil {
		f.Close()
		return Source{}, err
	}
	return Source{File: f, Path: real, Size: info.Size()}, nil
}

// regular refuses what is no file to read.
func regular(path string, info fs.FileInfo, err error) error {
	switch {
	case err != nil:
		return &RefusedError{path, "cannot be read by the server: " + wording.Bare(err).Error()}
	case info.IsDir():
		return &RefusedError{path, "is a directory"}
	case !info.Mode().IsRegular():
		return &RefusedError{path, "is no regular file"}
	}
	return nil
}

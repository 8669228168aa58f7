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
	Admin   bool              // every file that the server can read, too
	Uploads map[string]Digest // what the user says to have uploaded, by the path that the description names
}

// Source is where a file that a user named is to be read. Exactly one of File and Uploaded is set.
type Source struct {
	File     *os.File // open for reading; the caller closes it
	Path     string   // of File, with all links resolved
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
	case !filepath.IsAbs(path) || strings.ContainsRune(path, 0):
		return Source{}, &RefusedError{path, "is no absolute path"}
	}
	if digest, uploaded := a.Uploads[path]; uploaded {
		return Source{Uploaded: &digest}, nil
	}
	if a.Admin {
		return openAny(path)
	}
	for _, root := range a.Roots {
		inside, err := filepath.Rel(root, filepath.Clean(path))
		if err != nil || !filepath.IsLocal(inside) {
			continue
		}
		if s, err := openBelow(root, inside, path); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return s, err
		}
	}
	return Source{}, &NeedsUploadError{path}
}

// Without O_NONBLOCK a named pipe would hold the server for ever.
const readOnly = os.O_RDONLY | unix.O_NONBLOCK

func openAny(path string) (Source, error) {
	f, err := os.OpenFile(path, readOnly, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return Source{}, &NeedsUploadError{path}
	}
	if err != nil {
		return Source{}, &RefusedError{path, "cannot be read by the server: " + wording.Bare(err).Error()}
	}
	return source(f, path)
}

// openBelow opens a file of a root. os.Root follows no link out of it, whoever changes the tree meanwhile.
func openBelow(root, inside, path string) (Source, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return Source{}, err
	}
	defer r.Close()
	f, err := r.OpenFile(inside, readOnly, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Source{}, err
	case err != nil:
		return Source{}, &RefusedError{path, fmt.Sprintf("cannot be read below %s (image_roots): %v", root, wording.Bare(err))}
	}
	return source(f, path)
}

// source takes regular files only.
func source(f *os.File, path string) (Source, error) {
	info, err := f.Stat()
	reason := ""
	switch {
	case err != nil:
		reason = "cannot be read by the server: " + wording.Bare(err).Error()
	case info.IsDir():
		reason = "is a directory"
	case !info.Mode().IsRegular():
		reason = "is no regular file"
	}
	if reason != "" {
		f.Close()
		return Source{}, &RefusedError{path, reason}
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		f.Close()
		return Source{}, &RefusedError{path, "changes while it is looked at"}
	}
	return Source{File: f, Path: real}, nil
}

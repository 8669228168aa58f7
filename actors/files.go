package actors

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/depot"
	"github.com/kadeploy/kadeploy/internal/imagecache"
)

// fileAccess is what the files of a request are read with.
type fileAccess struct {
	depot   *depot.Depot      // nil: the server takes no uploads
	cache   *imagecache.Cache // nil: the server fetches no URLs
	user    string            // whose files they are
	admin   bool              // the user may name every file of the server
	uploads map[string]depot.Digest
	holds   *holds
	asker   *fileAccess // of who asks, where the files are another's; nil: his own
}

// maxUploads is an image, a preinstall and the postinstalls that a description may have.
const maxUploads = 66

// needsFilesError are the files that the client has to upload first, as the description names them.
type needsFilesError struct{ files []string }

func (e *needsFilesError) Error() string {
	text := "the server may not read " + e.files[0]
	if more := len(e.files) - 1; more > 0 {
		text += fmt.Sprintf(" and %d more files", more)
	}
	return text + ": upload it, or name a file below the image_roots of the site"
}

// resolve puts the server's own places of the files in the description, and holds those that were uploaded until the operation
// has ended. A description of the site's own may name any file of the server; what an environment of the catalogue names was
// looked at when it was added, and its owner may have lost it since.
func (j *job) resolve(s *config.Snapshot, a fileAccess) error {
	var missing []string
	if len(j.request.GetEnvironment()) > 0 || j.entry != nil {
		var err error
		if missing, err = j.find(s, a, j.files()); err != nil {
			return err
		}
	}
	own := a
	if a.asker != nil {
		own = *a.asker
	}
	more, err := j.find(s, own, j.customFiles())
	if err != nil {
		return err
	}
	if j.missing = append(missing, more...); len(j.missing) > 0 && !j.request.GetDryRun() {
		return &needsFilesError{j.missing}
	}
	return nil
}

// namedFiles are places where a file is named, and what each is.
type namedFiles = func(yield func(string, *string) bool)

// find puts in the server's places of files, and lists those that have to be uploaded.
func (j *job) find(s *config.Snapshot, a fileAccess, files namedFiles) (missing []string, err error) {
	if a.admin && a.depot == nil {
		return nil, nil
	}
	may := depot.Access{
		Roots: s.Global.ImageRoots, Private: []string{s.Global.UploadDir, s.Global.CacheDir, s.Global.ImageCache}, Admin: a.admin, Uploads: a.uploads,
	}
	for what, path := range files {
		err := j.place(path, may, &s.Global, a)
		var needs *depot.NeedsUploadError
		switch {
		case errors.As(err, &needs) && a.depot == nil:
			return nil, fmt.Errorf("%s of %s: %s is not below the image_roots of the site, and this server takes no uploads", what, j.env.Name, needs.Path)
		case errors.As(err, &needs) && a.asker != nil:
			return nil, fmt.Errorf("%s of %s: %s is not at the server any more, or %s may not name it any more; he may add the environment again", what, j.entry, needs.Path, a.user)
		case errors.As(err, &needs):
			if !slices.Contains(missing, needs.Path) {
				missing = append(missing, needs.Path)
			}
		case err != nil:
			return nil, fmt.Errorf("%s of %s: %w", what, j.env.Name, err)
		}
	}
	return missing, nil
}

// files are the places in the description where a file is named, and what each is.
func (j *job) files() namedFiles {
	return func(yield func(string, *string) bool) {
		if !yield("image", &j.env.Image.Path) || j.env.PreInstall != nil && !yield("preinstall", &j.env.PreInstall.Path) {
			return
		}
		for i := range j.env.PostInstall {
			if !yield("postinstall", &j.env.PostInstall[i].Path) {
				return
			}
		}
	}
}

// place finds one file. One at a URL is fetched later.
func (j *job) place(path *string, may depot.Access, g *config.Global, a fileAccess) error {
	named := *path
	if isURL(named) {
		return a.mayFetch(g, named)
	}
	from, err := depot.Resolve(may, named)
	if err != nil {
		return err
	}
	if from.Uploaded != nil {
		if a.depot == nil {
			return &depot.NeedsUploadError{Path: named}
		}
		at, release, err := a.depot.Use(a.user, *from.Uploaded)
		if errors.Is(err, depot.ErrUnknown) {
			return &depot.NeedsUploadError{Path: named}
		}
		if err != nil {
			return err
		}
		a.holds.add(j.id, release)
		j.remember(at, named)
		*path = at
		return nil
	}
	defer from.File.Close()
	if a.admin {
		return nil
	}
	info, err := from.File.Stat()
	if err != nil {
		return err
	}
	j.remember(from.Path, named)
	j.allowed[from.Path] = info
	*path = from.Path
	return nil
}

func (j *job) remember(path, named string) {
	if j.named == nil {
		j.named, j.allowed = make(map[string]string), make(map[string]os.FileInfo)
	}
	j.named[path] = named
}

// uploadsOf reads what the client says to have uploaded.
func uploadsOf(files []*message.UploadedFile) (map[string]depot.Digest, error) {
	if n := len(files); n > maxUploads {
		return nil, fmt.Errorf("%d uploaded files in one request; a description has at most %d", n, maxUploads)
	}
	uploads := make(map[string]depot.Digest)
	for _, u := range files {
		var digest depot.Digest
		if len(u.GetSha256()) != len(digest) {
			return nil, fmt.Errorf("the sha256 of an uploaded file has %d bytes, not %d", len(u.GetSha256()), len(digest))
		}
		uploads[u.GetPath()] = depot.Digest(u.GetSha256())
	}
	return uploads, nil
}

// shown is a file of the server as its description names it.
func (j *job) shown(path string) string {
	if named, ok := j.named[path]; ok {
		return named
	}
	return shown(path)
}

// shown is a file as it is shown to people: a URL without what may be a secret in it.
func shown(path string) string {
	if isURL(path) {
		return imagecache.Shown(path)
	}
	return path
}

// worded is an error with the files as their description names them: where uploads are kept says nothing to anybody.
func (j *job) worded(err error) error {
	if err == nil || len(j.named) == 0 {
		return err
	}
	text := err.Error()
	for path, named := range j.named {
		text = strings.ReplaceAll(text, path, named)
	}
	return &wordedError{text, err}
}

type wordedError struct {
	text string
	err  error
}

func (e *wordedError) Error() string { return e.text }
func (e *wordedError) Unwrap() error { return e.err }

// same says whether a file that was opened later is the one that the user may name: whoever may write below a root could have
// put a link to another file there meanwhile.
func (j *job) same(path string, now os.FileInfo) error {
	if was := j.allowed[path]; was != nil && !os.SameFile(was, now) {
		return fmt.Errorf("%s is another file than when the request came; submit it again", filepath.Base(j.shown(path)))
	}
	return nil
}

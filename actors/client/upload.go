package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/depot"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// Uploader carries files to where the server takes them, as the very user that the server takes the client for.
type Uploader interface {
	// Upload returns when the server has all of a file and has found its digest right. f is read by offsets; size is in bytes;
	// progress is told the bytes that the server has and size, never twice at once.
	Upload(ctx context.Context, f *os.File, size int64, sha256 [32]byte, progress func(done, total int64)) error
}

// HTTPUploader is the way over HTTP. http presents the user's certificate and has no Timeout; base is https://HOST:PORT.
func HTTPUploader(http *http.Client, base string) Uploader { return httpUploader{http, base} }

type httpUploader struct {
	http *http.Client
	base string
}

func (u httpUploader) Upload(ctx context.Context, f *os.File, size int64, sha256 [32]byte, progress func(done, total int64)) error {
	return depot.Upload(ctx, depot.UploadConfig{Client: u.http, BaseURL: u.base, File: f, Size: size, Digest: sha256, Progress: progress})
}

// UploadProgress says how far a file of a request is on its way. Done may go back, when something has to be sent again.
type UploadProgress struct {
	Path    string // as the description names it
	Sending bool   // false: its digest is made
	Done    int64  // bytes
	Total   int64
}

// FileError is a file of a description that is not at the server, and that this program cannot read.
type FileError struct {
	Path string
	Err  error
}

func (e *FileError) Error() string {
	return fmt.Sprintf("%s is not at the server, and cannot be uploaded: %v", e.Path, e.Err)
}

func (e *FileError) Unwrap() error { return e.Err }

func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path) // before it is opened: opening a pipe would wait
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no regular file")
	}
	return os.Open(path)
}

// delivery submits a request and brings the files that the server asks for.
type delivery struct {
	submit   func(context.Context, *message.Submit) (proto.Message, error)
	uploader Uploader
	progress func(UploadProgress)
}

// rounds bound how often one request is submitted: a file that was uploaded may have to leave before it is used.
const rounds = 3

func (d delivery) do(ctx context.Context, req *message.Submit) (proto.Message, error) {
	for round := 1; ; round++ {
		answer, err := d.submit(ctx, req)
		var no *RefusedError
		if !errors.As(err, &no) || no.Refused.GetCode() != message.Refusal_NEEDS_FILES || d.uploader == nil || round == rounds {
			return answer, err
		}
		if req, err = d.bring(ctx, req, no.Refused.GetFiles()); err != nil {
			return nil, err
		}
	}
}

// bring uploads files and returns the request that says so. What the request's own description does not name is not read,
// whatever the server asks for.
func (d delivery) bring(ctx context.Context, req *message.Submit, files []string) (*message.Submit, error) {
	env, problems := config.ParseEnvironment(req.GetEnvironment(), req.GetEnvironmentPath())
	if problems.HasErrors() {
		return nil, fmt.Errorf("the server asks for files of a description that cannot be read: %w", problems)
	}
	if len(files) == 0 {
		return nil, errors.New("the server asks for files and does not say which")
	}
	named := env.Files()
	req = proto.Clone(req).(*message.Submit)
	for _, path := range files {
		if !slices.Contains(named, path) {
			return nil, fmt.Errorf("the server asks for the file %q, which the description does not name: it gets none", wording.Clean(path))
		}
		u, err := d.upload(ctx, path)
		if err != nil {
			return nil, err
		}
		req.Uploads = slices.DeleteFunc(req.Uploads, func(old *message.UploadedFile) bool { return old.GetPath() == path })
		req.Uploads = append(req.Uploads, u)
	}
	return req, nil
}

func (d delivery) upload(ctx context.Context, path string) (*message.UploadedFile, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, &FileError{path, wording.Bare(err)}
	}
	defer f.Close()
	sum, size, err := depot.Sum(ctx, f, d.told(path, false))
	if err == nil {
		err = d.uploader.Upload(ctx, f, size, sum, d.told(path, true))
	}
	if err != nil {
		return nil, fmt.Errorf("upload %s: %w", path, wording.Bare(err))
	}
	return &message.UploadedFile{Path: path, Sha256: sum[:], Size: uint64(size)}, nil
}

func (d delivery) told(path string, sending bool) func(done, total int64) {
	if d.progress == nil {
		return func(int64, int64) {}
	}
	return func(done, total int64) { d.progress(UploadProgress{path, sending, done, total}) }
}

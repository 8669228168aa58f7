package depot

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/wording"
)

var (
	// ErrUnknown means that the owner has not sent such a file, or that it has left since. Whether others have is not said.
	ErrUnknown = errors.New("no such file was uploaded; upload it")
	// ErrBusy means that too many uploads are under way, or that an earlier one of the same file would not end.
	ErrBusy = errors.New("too many uploads are under way; try again later")
	// ErrSuperseded ends an upload whose owner has begun to send the same file again, or asked how far it is.
	ErrSuperseded = errors.New("the upload goes on over another connection")
	// ErrClosed means that the depot is being closed.
	ErrClosed = errors.New("the server is stopping; upload again when it is back")
	// ErrOwner means that an owner has no name, or one too long for a file's.
	ErrOwner = errors.New("the name of the user cannot be used for uploads: it is empty or too long")
)

// OffsetError means that an upload must go on elsewhere.
type OffsetError struct{ Have int64 } // bytes that are there

func (e *OffsetError) Error() string {
	return fmt.Sprintf("%d bytes are there; go on from that offset", e.Have)
}

// DigestError means that what came is not the file it was said to be. It was thrown away.
type DigestError struct{ Want, Got Digest }

func (e *DigestError) Error() string {
	return fmt.Sprintf("the uploaded file has the sha256 %s, not %s; upload it again", e.Got, e.Want)
}

// TooBigError means that a file is never taken, however much room there is.
type TooBigError struct{ Size, Limit int64 } // bytes

func (e *TooBigError) Error() string {
	return fmt.Sprintf("a file of %s; the site takes at most %s (upload_max_file)", wording.Size(uint64(max(e.Size, 0))), wording.Size(uint64(e.Limit)))
}

// QuotaError means that the files in use and those under way leave the owner no room for another one.
type QuotaError struct {
	Size, Limit int64 // bytes; of all files of an owner
	Files       int   // that an owner may have
}

func (e *QuotaError) Error() string {
	return fmt.Sprintf("no room for %s more: a user may have %s (upload_max_user) in %d files; wait until the deployments that use some have ended",
		wording.Size(uint64(e.Size)), wording.Size(uint64(e.Limit)), e.Files)
}

// FullError means that nobody's files leave room for another one, or that the disk is full.
type FullError struct {
	Size int64 // bytes wanted
	Disk error // what the disk said; nil when it is the limit of the site
}

func (e *FullError) Error() string {
	if e.Disk != nil {
		return fmt.Sprintf("the server's disk of uploads is full (%v): tell its administrator, and go on when there is room", e.Disk)
	}
	return fmt.Sprintf("the server has no room for %s more (upload_max); try again when other deployments have ended", wording.Size(uint64(e.Size)))
}

func (e *FullError) Unwrap() error { return e.Disk }

// diskError makes one clear error of a disk that is full, and leaves paths out of the others: they reach users.
func diskError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return &FullError{Disk: wording.Bare(err)}
	}
	return fmt.Errorf("the server cannot keep the file: %w", wording.Bare(err))
}

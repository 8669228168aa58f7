package imagecache

import (
	"errors"
	"fmt"
)

// DigestError is a file that is not the one that was wanted.
type DigestError struct{ Want, Got string } // SHA-256, hexadecimal

func (e *DigestError) Error() string {
	return fmt.Sprintf("what is there has the SHA-256 %s, and %s is wanted", e.Got, e.Want)
}

// StatusError is a server's no.
type StatusError struct{ Code int }

func (e *StatusError) Error() string {
	switch e.Code {
	case 401, 403:
		return fmt.Sprintf("the server forbids it (status %d)", e.Code)
	case 404, 410:
		return fmt.Sprintf("the server has no such file (status %d)", e.Code)
	}
	return fmt.Sprintf("the server answered with status %d", e.Code)
}

// FullError means that there is no room, whatever leaves.
type FullError struct{ Wanted, Max int64 } // bytes

func (e *FullError) Error() string {
	if e.Wanted > e.Max {
		return fmt.Sprintf("it has %d bytes, more than the image cache may hold (image_cache_size, %d bytes)", e.Wanted, e.Max)
	}
	return fmt.Sprintf("the image cache is full of files in use (image_cache_size, %d bytes): try again later", e.Max)
}

var (
	errClosed  = errors.New("the server is stopping")
	errSilent  = errors.New("its server is silent")
	errChanges = errors.New("it changes while it is fetched: try again when it is complete")
	errCut     = errors.New("it is cut off again and again, and its server does not let anybody go on where it stopped")
)

// finalError is one that another try would not mend.
type finalError struct{ error }

func (e *finalError) Unwrap() error { return e.error }

func final(err error) error { return &finalError{err} }

func isFinal(err error) bool {
	var f *finalError
	return errors.As(err, &f)
}

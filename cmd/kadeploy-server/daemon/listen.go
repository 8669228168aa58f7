package daemon

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// unlistened completes the error of a listener by what it was for and what to do.
func unlistened(what, key string, err error) error {
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return fmt.Errorf("%s: %w; stop the program that has it, or change %s", what, err, key)
	case errors.Is(err, unix.EADDRNOTAVAIL), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%s: %w; change %s", what, err, key)
	}
	return fmt.Errorf("%s: %w", what, err)
}

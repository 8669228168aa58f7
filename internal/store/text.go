package store

import (
	"time"

	"github.com/kadeploy/kadeploy/internal/store/fit"
)

// Bounds of what is kept, in bytes.
const (
	maxName = 255
	maxText = 4 << 10
	maxBlob = 16 << 20
)

func name(s string) string { return fit.Clip(s, maxName) }
func text(s string) string { return fit.Clip(s, maxText) }

// blob is never nil, which would be NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// bytesOrNil gives back what blob was given.
func bytesOrNil(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// micros is a time as it is kept; 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func timeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

package broadcast

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/zeebo/blake3"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// Bounds of a secret that is not a key of 64 hexadecimal digits, in bytes.
const (
	minSecret = 16
	maxSecret = 64 << 10
)

// Key is what all machines of a broadcast share, and nobody else has.
type Key [32]byte

// NewKey makes the text of a key.
func NewKey() string {
	var k Key
	rand.Read(k[:])
	return hex.EncodeToString(k[:])
}

// ParseKey reads 64 hexadecimal digits, or hashes any other secret of at least 16 bytes. Blanks around it do not count.
// The error does not repeat the text.
func ParseKey(text []byte) (k Key, err error) {
	text = bytes.TrimSpace(text)
	if len(text) == hex.EncodedLen(len(k)) {
		if _, err := hex.Decode(k[:], text); err == nil {
			return k, nil
		}
	}
	if len(text) < minSecret {
		return k, fmt.Errorf("%d bytes are too short for a key: want 64 hexadecimal digits, or any secret of %d bytes or more", len(text), minSecret)
	}
	blake3.DeriveKey("kadeploy 2026-11-26 chain key from a secret", text, k[:])
	return k, nil
}

// ReadKey reads a key from a file; "-" is stdin. The warning, if any, is one line about who else may read the file.
func ReadKey(name string, stdin io.Reader) (k Key, warning string, err error) {
	in, label := stdin, "standard input"
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return k, "", fmt.Errorf("key file %s: %w", name, wording.Bare(err))
		}
		defer f.Close()
		in, label, warning = f, name, exposed(f)
	}
	text, err := io.ReadAll(io.LimitReader(in, maxSecret+1))
	if err == nil && len(text) > maxSecret {
		err = errors.New("too long for a key")
	}
	if err == nil {
		k, err = ParseKey(text)
	}
	if err != nil {
		return k, "", fmt.Errorf("key file %s: %w", label, wording.Bare(err))
	}
	return k, warning, nil
}

// exposed says that others than its owner may use a file; a pipe has no others.
func exposed(f *os.File) string {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 == 0 {
		return ""
	}
	return fmt.Sprintf("others than its owner may use the key file %s: chmod 600 %s", f.Name(), f.Name())
}

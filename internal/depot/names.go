package depot

import (
	"encoding/hex"
	"fmt"
	"path"
	"strings"
)

// Digest is the SHA-256 of a file.
type Digest [32]byte

// String is the digest in hexadecimal, lower case.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// ParseDigest reads exactly what String writes.
func ParseDigest(text string) (Digest, error) {
	var d Digest
	if len(text) != 2*len(d) || strings.ToLower(text) != text {
		return d, fmt.Errorf("not a sha256 of %d hexadecimal digits in lower case", 2*len(d))
	}
	_, err := hex.Decode(d[:], []byte(text))
	return d, err
}

// key is one owner's part in one file.
type key struct {
	owner  string // as file names have it
	digest Digest
}

// maxOwner leaves room in a file name for a digest.
const maxOwner = 180

func keyOf(owner string, digest Digest) (key, error) {
	name := ownerName(owner)
	if name == "" || len(name) > maxOwner {
		return key{}, ErrOwner
	}
	return key{name, digest}, nil
}

// ownerName makes a file name of an owner, each its own: what is not a letter, a digit or _ becomes %XX. So none has a
// dot, a slash or the dash that ends it.
func ownerName(owner string) string {
	var b strings.Builder
	for i := range len(owner) {
		c := owner[i]
		if c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// isOwnerName knows the names that ownerName makes.
func isOwnerName(name string) bool {
	if name == "" || len(name) > maxOwner {
		return false
	}
	var owner []byte
	for i := 0; i < len(name); i++ {
		if name[i] != '%' {
			owner = append(owner, name[i])
			continue
		}
		if i+2 >= len(name) {
			return false
		}
		c, err := hex.DecodeString(name[i+1 : i+3])
		if err != nil {
			return false
		}
		owner, i = append(owner, c[0]), i+2
	}
	return ownerName(string(owner)) == name
}

const (
	filesDir   = "sha256"
	ownersDir  = "owners"
	partialDir = "partial"
)

func fileName(d Digest) string { return path.Join(filesDir, d.String()[:2], d.String()) }

func (k key) mark() string    { return path.Join(ownersDir, k.owner, k.digest.String()) }
func (k key) partial() string { return path.Join(partialDir, k.owner+"-"+k.digest.String()) }

// parsePartial reads the last part of what partial makes.
func parsePartial(name string) (key, bool) {
	owner, hexDigest, found := strings.Cut(name, "-")
	d, err := ParseDigest(hexDigest)
	return key{owner, d}, found && err == nil && isOwnerName(owner)
}

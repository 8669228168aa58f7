package imagecache

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"regexp"
)

const (
	filesDir   = "sha256"
	urlsDir    = "urls"
	partialDir = "partial"
	infoSuffix = ".json"
	tempSuffix = ".new"
	maxURL     = 4096 // bytes
)

var digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

func fileName(digest string) string { return path.Join(filesDir, digest[:2], digest) }
func recordName(key string) string  { return path.Join(urlsDir, key) }
func partialName(key string) string { return path.Join(partialDir, key) }
func infoName(key string) string    { return partialName(key) + infoSuffix }

// address is a URL that may be fetched.
type address struct {
	url *url.URL
	key string // its SHA-256, hexadecimal
}

// String is the URL for people: a query may be a secret.
func (a address) String() string { return Shown(a.url.String()) }

// Shown is a URL without what may be a secret in it.
func Shown(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "a URL that is none"
	}
	bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if u.RawQuery != "" {
		return bare.String() + "?..."
	}
	return bare.String()
}

func parseURL(text string) (address, error) {
	u, err := url.Parse(text)
	switch {
	case len(text) > maxURL:
		return address{}, fmt.Errorf("a URL of %d bytes: at most %d are taken", len(text), maxURL)
	case err != nil || u.Host == "":
		return address{}, fmt.Errorf("%s is not a URL", Shown(text))
	}
	if err := fetchable(u); err != nil {
		return address{}, fmt.Errorf("%s: %w", Shown(text), err)
	}
	u.Fragment, u.RawFragment = "", ""
	sum := sha256.Sum256([]byte(u.String()))
	return address{u, hex.EncodeToString(sum[:])}, nil
}

// fetchable refuses what is not fetched, from the first URL as from those that it is redirected to.
func fetchable(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%s is not fetched, only http and https", u.Scheme)
	case u.User != nil:
		return fmt.Errorf("a URL with a user or a password in it is not fetched")
	}
	return nil
}

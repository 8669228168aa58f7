package catalogue

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The visibilities.
const (
	Public  = "public"
	Shared  = "shared"
	Private = "private"
)

// Environment is one version of one environment. Name, version and owner tell it from all others.
type Environment struct {
	Name        string
	Version     int // from 0
	Owner       string
	Visibility  string // Public, Shared or Private
	Description string // one line, for people
	OS          string // linux, xen, other
	Format      string // of the text: classic, yaml or hcl
	Text        []byte // the description; every file in it is an absolute path or a URL
	Files       []File // of the description, the image first
	Added       time.Time
}

// File is what a file of the description was when the environment was added.
type File struct {
	Path     string // as the text names it
	SHA256   string // hexadecimal
	Size     int64  // bytes
	Uploaded bool   // its owner sent it; else it is the server's own, or at a URL
}

// Image is the environment's image; the zero value when none is known.
func (e Environment) Image() File {
	if len(e.Files) == 0 {
		return File{}
	}
	return e.Files[0]
}

// String is how people know it: debian13:3 of alice.
func (e Environment) String() string { return fmt.Sprintf("%s:%d of %s", e.Name, e.Version, e.Owner) }

// Path is a name for the text that says its format to config.ParseEnvironment, and where it is from in diagnostics.
func (e Environment) Path() string {
	name := "/" + strings.ReplaceAll(e.Name, "/", "_") + ":" + strconv.Itoa(e.Version)
	if e.Format == "hcl" {
		return name + ".hcl"
	}
	return name
}

// Bounds of the catalogue.
const (
	MaxName     = 255      // bytes
	MaxPerOwner = 1000     // environments
	MaxText     = 64 << 20 // bytes of all descriptions
)

var endsInVersion = regexp.MustCompile(`:[0-9]+$`)

// CheckName says why a name cannot be an environment's.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("the environment has no name")
	case len(name) > MaxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unprintable) || strings.TrimSpace(name) != name:
		return fmt.Errorf("%.70q cannot be the name of an environment: at most %d printable characters, no blank at its ends", name, MaxName)
	case endsInVersion.MatchString(name):
		return fmt.Errorf("%.70q cannot be the name of an environment: what follows its colon would be taken for a version", name)
	}
	return nil
}

// CheckText says why a description cannot be shown: terminals obey control characters, and it is shown to others as it is.
func CheckText(text []byte) error {
	for i, r := range string(text) {
		if r == utf8.RuneError || r != '\n' && r != '\r' && r != '\t' && unicode.IsControl(r) {
			return fmt.Errorf("the description has a control character on line %d", 1+strings.Count(string(text[:i]), "\n"))
		}
	}
	return nil
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// Newest stands for the highest version, All for every one.
const (
	Newest = -1
	All    = -2
)

// ParseRef reads NAME or NAME:VERSION; the version of a name alone is Newest.
func ParseRef(text string) (name string, version int, err error) {
	name, version = text, Newest
	if at := endsInVersion.FindStringIndex(text); at != nil {
		name = text[:at[0]]
		n, err := strconv.ParseInt(text[at[0]+1:], 10, 32)
		if err != nil {
			return "", 0, fmt.Errorf("%.70q: a version is a number up to %d", text, 1<<31-1)
		}
		version = int(n)
	}
	return name, version, CheckName(name)
}

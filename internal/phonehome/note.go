// Package phonehome is how a deployed system says itself which image it is.
//
// Before its node leaves the deployment system, a Note is laid into the new file system (Install): where to call, a token that is good for one
// call, and the digest of the image. What comes up there calls once: POST to the URL of the note, with the note as the body. A Book has what
// the server expects; it says false to everybody else.
package phonehome

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Path is that of the calls on the server, before the node's name.
const Path = "/phone-home/"

// MaxNote bounds the text of a note, in bytes.
const MaxNote = 1 << 10

// Note is what a deployed system says, and where.
type Note struct {
	URL    string // http://ADDRESS:PORT/phone-home/NODE
	Token  string // secret
	Digest string // sha256 of the image, 64 hexadecimal digits
}

// Text is the note as a file and as the body of a call: lines of NAME=VALUE.
func (n Note) Text() []byte {
	return fmt.Appendf(nil, "url=%s\ntoken=%s\ndigest=%s\n", n.URL, n.Token, n.Digest)
}

var (
	tokenForm  = regexp.MustCompile(`^[0-9a-f]{32}$`)
	digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
	urlForm    = regexp.MustCompile(`^http://[^\s/]+` + Path + `[^\s/]+$`)
)

var errNote = errors.New("not a note: want the lines url=, token= and digest=")

// Parse reads the text of a note. Its error tells nothing of the text.
func Parse(text []byte) (Note, error) {
	var n Note
	if len(text) > MaxNote {
		return n, fmt.Errorf("a note has at most %d bytes", MaxNote)
	}
	fields := map[string]*string{"url": &n.URL, "token": &n.Token, "digest": &n.Digest}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		field := fields[name]
		if field == nil {
			return Note{}, errNote
		}
		*field = value
		delete(fields, name) // none comes twice
	}
	return n, n.check()
}

func (n Note) check() error {
	if !urlForm.MatchString(n.URL) || !tokenForm.MatchString(n.Token) || !digestForm.MatchString(n.Digest) {
		return errNote
	}
	return nil
}

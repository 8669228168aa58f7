package actors

import (
	"fmt"
	"path"

	"github.com/kadeploy/kadeploy/actors/message"
)

// fetchedFile is a file of a description that is at a URL.
type fetchedFile struct {
	place  int    // among the files of the description, of which the image is the first
	what   string // the image, a preinstall, a postinstall
	shown  string // its URL, without what may be a secret in it
	digest string // SHA-256, hexadecimal; "": it is not known
}

// lost is why a file cannot be fetched; of one that a server before this one had fetched, that it had.
func (f fetchedFile) lost(err error) error {
	if f.digest == "" {
		return err
	}
	return fmt.Errorf("interrupted: the server was stopped, and the image cache has lost what it had fetched: %w", err)
}

// fetchedEvent tells of a pre- or post-install what the nodes will get, as imageEvent of the image.
func fetchedEvent(f fetchedFile) *message.Event {
	return &message.Event{Fact: &message.Event_Note{Note: &message.Note{
		Text:    fmt.Sprintf("%s %s: sha256 %s", f.what, path.Base(f.shown), f.digest),
		Fetched: &message.FetchedFile{Place: uint32(f.place), Url: f.shown, Sha256: f.digest},
	}}}
}

// file is what the operation had at a place of its description; the zero value where nothing was fetched, or that is not known.
func (p *past) file(place int) fetchedFile {
	switch {
	case p == nil:
		return fetchedFile{}
	case place == 0:
		return fetchedFile{shown: p.image, digest: p.digest}
	}
	return p.fetched[place]
}

// digests are those of all files that the operation may have fetched.
func (p *past) digests() []string {
	all := []string{p.digest}
	for _, f := range p.fetched {
		all = append(all, f.digest)
	}
	return all
}

// same refuses another file than the operation had begun with. What was fetched is another one only if the image cache has lost the one before.
func (p *past) same(now fetchedFile) error {
	was := p.file(now.place)
	if was.digest == "" || was.digest == now.digest {
		return nil
	}
	why := "and the %s %s is another one since"
	if isURL(now.shown) {
		why = "the image cache has lost the %s %s, and its URL has another one since"
	}
	return fmt.Errorf("interrupted: the server was stopped, "+why+": its sha256 was %s and is %s", now.what, now.shown, was.digest, now.digest)
}

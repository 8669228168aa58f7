package blackout

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/kadeploy/kadeploy/actors/message"
)

// shelf is what an image cache has on its disk while no daemon runs.
type shelf struct {
	seen  time.Time // when the daemon before was found dead
	files map[string]bool
}

var digestName = regexp.MustCompile(`^[0-9a-f]{64}$`)

// readShelf reads an image cache, and says what is wrong with it: a file that is not what its name says, or more than the limit in all.
func readShelf(dir string) (s shelf, wrong []string, err error) {
	s = shelf{files: make(map[string]bool)}
	size := int64(0)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // a daemon that was killed before it had made it
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		kind := filepath.Base(filepath.Dir(path))
		if kind == "urls" || kind == filepath.Base(dir) { // records, the lock
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		size += int64(len(text))
		if kind == "partial" {
			return nil
		}
		s.files[d.Name()] = true
		if sum := fmt.Sprintf("%x", sha256.Sum256(text)); !digestName.MatchString(d.Name()) || sum != d.Name() || kind != sum[:2] {
			wrong = append(wrong, fmt.Sprintf("the image cache has %s/%s, of %d bytes, whose sha256 is %s", kind, d.Name(), len(text), sum))
		}
		return nil
	})
	if slack := int64(64 << 10); size > cacheSize+slack { // what is said of partial files is beside the limit
		wrong = append(wrong, fmt.Sprintf("the image cache has %d bytes, and its limit is %d", size, cacheSize))
	}
	return s, wrong, err
}

// judgeHolds finds files that were in use when a daemon died, and had left the cache. An operation has what it fetched in use from when the
// daemon has said what that is until its end, whatever happens to the daemon.
func judgeHolds(fetched map[string]bool, operations map[string][]*message.Event, shelves []shelf) (wrong []string) {
	for _, s := range shelves {
		for id, events := range operations {
			for _, digest := range inUse(events, s.seen) {
				if fetched[digest] && !s.files[digest] {
					wrong = append(wrong, fmt.Sprintf("%s used the file %s when the daemon died at %s, and the cache did not have it any more",
						id, digest, s.seen.Format(time.StampMilli)))
				}
			}
		}
	}
	return wrong
}

// inUse are the digests of the image, and of what else was fetched, that an operation had in use when a daemon died.
func inUse(events []*message.Event, died time.Time) (digests []string) {
	for _, e := range events {
		at := e.GetTime().AsTime()
		switch {
		case at.After(died):
		case e.GetEnded() != nil:
			return nil
		case e.GetNote() != nil:
			digests = append(digests, e.GetNote().GetImageDigest(), e.GetNote().GetFetched().GetSha256())
		}
	}
	return digests
}

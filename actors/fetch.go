package actors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/imagecache"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// isURL says whether a file of a description is fetched.
func isURL(path string) bool { return strings.Contains(path, "://") }

// mayFetch says why a URL is not fetched for a user: the server reaches more than its users may.
func (a fileAccess) mayFetch(g *config.Global, url string) error {
	switch {
	case a.cache == nil:
		return errors.New(imagecache.Shown(url) + ": this server fetches no URLs: copy the file and name its path")
	case a.admin || g.MayFetch(url):
		return nil
	}
	return fmt.Errorf("%s is not below the image_urls of the site: download it and name the file, or ask an administrator to add the environment", imagecache.Shown(url))
}

// fetch brings the files of a job that are at URLs, and puts their places in the description. They are held until the job ends.
func (s sources) fetch(ctx context.Context, j *job, tell func(string)) error {
	j.fetched = nil
	place := -1
	for what, path := range j.files() {
		place++
		want := j.wanted(place)
		if !isURL(*path) {
			continue
		}
		if s.cache == nil {
			return fmt.Errorf("%s of %s: this server fetches no URLs", what, j.env.Name)
		}
		shown := imagecache.Shown(*path)
		was := j.past.file(place)
		if was.shown != shown { // it has moved since
			was = fetchedFile{}
		}
		f := s.cache.Hold(was.digest) // what its URL has today may be another, and all nodes get the same
		if f == nil {
			tell("fetching " + shown)
			var err error
			if f, err = s.cache.Fetch(ctx, imagecache.Want{URL: *path, SHA256: want}, progressOf(shown, tell)); err != nil {
				return was.lost(fmt.Errorf("%s of %s: %w", what, j.env.Name, err))
			}
		}
		s.holds.add(j.id, f.Release)
		j.remember(f.Path, shown)
		j.fetched = append(j.fetched, fetchedFile{place, what, shown, f.SHA256})
		*path = f.Path
	}
	return nil
}

// recall holds what operations of a server before this one had fetched, as far as it is here, before anybody can ask for room.
func (s sources) recall(m *Memory) {
	if m == nil || s.cache == nil {
		return
	}
	for _, o := range m.found {
		for _, digest := range o.past.digests() {
			if f := s.cache.Hold(digest); f != nil {
				s.holds.begin(o.ID)
				s.holds.add(o.ID, f.Release)
			}
		}
	}
}

// wanted is the digest that a file of the description must have, by its place among them; "": nobody knows.
func (j *job) wanted(at int) string {
	switch {
	case at == 0 && j.env.Image.SHA256 != "":
		return j.env.Image.SHA256
	case j.entry != nil && at < len(j.entry.Files):
		return j.entry.Files[at].SHA256
	}
	return ""
}

// tellEvery is how often it is told how far a fetch is.
const tellEvery = 10 * time.Second

func progressOf(what string, tell func(string)) func(done, total int64) {
	last := time.Now()
	return func(done, total int64) {
		if time.Since(last) < tellEvery {
			return
		}
		last = time.Now()
		if total > 0 {
			tell(fmt.Sprintf("fetching %s: %d %% of %s", what, done*100/total, wording.Size(uint64(total))))
			return
		}
		tell(fmt.Sprintf("fetching %s: %s", what, wording.Size(uint64(done))))
	}
}

// urls are the files of a description that are fetched.
func (j *job) urls() []string {
	return slices.DeleteFunc(j.env.Files(), func(path string) bool { return !isURL(path) })
}

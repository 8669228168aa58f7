package actors

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/kadeploy/kadeploy/internal/catalogue"
	"github.com/kadeploy/kadeploy/internal/depot"
	"github.com/kadeploy/kadeploy/internal/image"
	"github.com/kadeploy/kadeploy/internal/imagecache"
)

// sources are where the files of requests come from.
type sources struct {
	depot  *depot.Depot      // nil: the server takes no uploads
	cache  *imagecache.Cache // nil: the server fetches no URLs
	images *image.Catalogue
	holds  *holds
	again  bool // images are read whole even if they were read before
}

// access is what the files of one description are found with, for one user and with what he has uploaded.
func (s sources) access(user string, admin bool, uploads map[string]depot.Digest) fileAccess {
	return fileAccess{depot: s.depot, cache: s.cache, user: user, admin: admin, uploads: uploads, holds: s.holds}
}

// prepare fetches what is at URLs, reads the image of a job from end to end, and holds it, and the archives, against what they must be.
func (s sources) prepare(ctx context.Context, j *job, tell func(string)) error {
	if err := s.fetch(ctx, j, tell); err != nil {
		return j.worded(err)
	}
	if err := errors.Join(j.checkArchives(), j.checkCustomFiles()); err != nil {
		return j.worded(err)
	}
	tell(fmt.Sprintf("checking the image %s", j.shown(j.env.Image.Path)))
	read := s.images.Prepare
	if s.again {
		read = s.images.Read
	}
	img, err := read(ctx, j.env.Image, nil)
	if err == nil {
		err = j.sameImage(img)
	}
	if err != nil {
		return j.worded(err)
	}
	j.image, j.imageSize = img, img.Size
	return j.sameAsAdded(ctx)
}

// sums are what the files of a prepared job are: the image first, as Files of its environment.
func (j *job) sums(ctx context.Context) ([]catalogue.File, error) {
	sums := []catalogue.File{{Path: j.shown(j.env.Image.Path), SHA256: j.image.SHA256, Size: j.image.Size}}
	for what, path := range j.files() {
		if what == "image" {
			continue
		}
		sum, size, err := j.sum(ctx, *path)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", what, j.env.Name, j.worded(err))
		}
		sums = append(sums, catalogue.File{Path: j.shown(*path), SHA256: sum.String(), Size: size})
	}
	return sums, nil
}

func (j *job) sum(ctx context.Context, path string) (depot.Digest, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return depot.Digest{}, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil {
		err = j.same(path, info)
	}
	if err != nil {
		return depot.Digest{}, 0, err
	}
	return depot.Sum(ctx, f, nil)
}

// sameAsAdded says whether the files of an environment of the catalogue are what they were when it was added.
func (j *job) sameAsAdded(ctx context.Context) error {
	if j.entry == nil {
		return nil
	}
	now, err := j.sums(ctx)
	if err != nil {
		return err
	}
	for i, was := range j.entry.Files[:min(len(j.entry.Files), len(now))] {
		if was.SHA256 != "" && was.SHA256 != now[i].SHA256 {
			return fmt.Errorf("%s is not what it was when %s was added: its SHA-256 was %s and is %s; add the environment again if that is meant",
				now[i].Path, j.entry, was.SHA256, now[i].SHA256)
		}
	}
	return nil
}

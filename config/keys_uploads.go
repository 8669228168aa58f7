package config

import (
	"net/url"
	"path"
	"path/filepath"
	"strings"
)

// uploadKeys say which files users may name in their descriptions, and what they may send.
func uploadKeys() []*key {
	return []*key{
		{name: "image_roots", form: list, initial: one(""), set: setImageRoots,
			doc: "directories of the server, separated by commas, below which everybody's descriptions may name files; other files are uploaded by the client"},
		{name: "image_urls", form: list, initial: one(""), set: setImageURLs,
			doc: "URLs, separated by commas, below which everybody's descriptions may name files that the server fetches: https://images.example.org/; admins may name every one"},
		{name: "image_cache", set: setDir(func(t *target) *string { return &t.global.ImageCache }),
			fallback: func(t *target) string { return filepath.Join(t.global.StateDir, "image_cache") },
			doc:      "directory of what was fetched, of this server alone; default STATE_DIR/image_cache"},
		{name: "image_cache_size", form: number, initial: one("64GiB"), set: setUploadSize(func(t *target) *int64 { return &t.global.ImageCacheSize }),
			doc: "size of what was fetched, in MiB or with a unit; that leaves first which was not used for the longest time"},
		{name: "upload_dir", set: setDir(func(t *target) *string { return &t.global.UploadDir }),
			fallback: func(t *target) string { return filepath.Join(t.global.StateDir, "uploads") },
			doc:      "directory of uploaded files, of this server alone; default STATE_DIR/uploads"},
		{name: "upload_max", form: number, initial: one("64GiB"), set: setUploadSize(func(t *target) *int64 { return &t.global.UploadMax }),
			doc: "size of all uploaded files, in MiB or with a unit; those leave that were not used for the longest time"},
		{name: "upload_max_user", form: number, initial: one("16GiB"), set: setUploadSize(func(t *target) *int64 { return &t.global.UploadMaxUser }),
			doc: "size of the uploaded files of one user, in MiB or with a unit"},
		{name: "upload_max_file", form: number, initial: one("16GiB"), set: setUploadSize(func(t *target) *int64 { return &t.global.UploadMaxFile }),
			doc: "size of one uploaded file, in MiB or with a unit"},
	}
}

func setUploadSize(field func(*target) *int64) setter { return setSizeWithin(field, "1MiB", "1024TiB") }

// setImageRoots takes absolute directories: what a relative one means depends on where the configuration is, and whoever may
// write below a root may put links there.
func setImageRoots(t *target, v value) error {
	for _, item := range v.list(",") {
		root := filepath.Clean(item.text)
		switch {
		case !filepath.IsAbs(item.text):
			return item.at(faultf(0, "%q is not an absolute directory of the server", item.text))
		case root == "/":
			return item.at(&fault{msg: "/ would let everybody's descriptions name every file of the server", hint: "name the directories of the images"})
		}
		if err := singleLine(root); err != nil {
			return item.at(err)
		}
		t.global.ImageRoots = append(t.global.ImageRoots, root)
	}
	return nil
}

// setImageURLs takes URLs of directories.
func setImageURLs(t *target, v value) error {
	for _, item := range v.list(",") {
		u, err := url.Parse(item.text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return item.at(&fault{msg: "not the URL of a directory", hint: "write for example https://images.example.org/"})
		}
		t.global.ImageURLs = append(t.global.ImageURLs, item.text)
	}
	return nil
}

// MayFetch says whether everybody's descriptions may name a URL: whether it is below one of image_urls.
func (g *Global) MayFetch(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.User != nil {
		return false
	}
	for _, root := range g.ImageURLs {
		r, err := url.Parse(root)
		if err != nil || u.Scheme != r.Scheme || !strings.EqualFold(u.Host, r.Host) {
			continue
		}
		if dir := strings.TrimSuffix(path.Clean("/"+r.Path), "/") + "/"; strings.HasPrefix(path.Clean("/"+u.Path), dir) {
			return true
		}
	}
	return false
}

// checkImageRoots keeps what the daemon has for itself out of what everybody may name.
func (b *builder) checkImageRoots(s *Snapshot, layers stack) {
	for _, root := range s.Global.ImageRoots {
		for _, own := range []struct{ what, dir string }{
			{"the configuration", s.Dir}, {"state_dir", s.Global.StateDir}, {"upload_dir", s.Global.UploadDir}, {"kadeploy_cache_dir", s.Global.CacheDir},
			{"image_cache", s.Global.ImageCache},
		} {
			if inside, err := filepath.Rel(root, own.dir); err == nil && filepath.IsLocal(inside) {
				b.report.add(Error, layers.place(b.schema.byName["image_roots"]), "name a directory that holds images only",
					"image_roots: %s holds %s (%s), which users must not read", root, own.what, own.dir)
				break
			}
		}
	}
}

// Package imagecache keeps images that are fetched by http and https, so that each is fetched once. Files are named by their
// SHA-256 and never change in their place.
//
// Read cache.go first, then download.go (one image on its way), request.go (one request), length.go (how long a file is, without fetching it), room.go (what leaves when it is full) and
// open.go (what a killed server left). The package knows no actor; whether somebody may name a URL is decided elsewhere.
//
// What it promises:
//   - A file appears whole or not at all, with its digest made on the way; a digest that is expected is compared.
//   - A fetch that was cut goes on where it stopped, over restarts too, if the server of the image says by a strong ETag, or by the date of
//     its last change, that it is still the same. It never puts two halves of different files together.
//   - Requests for one URL at the same time share one fetch; different ones run side by side.
//   - What is in use stays, and is there after a restart, to be held again (Hold). Of the rest what was not used for the longest time leaves first, when room is wanted.
//   - Everything is bounded: sizes, redirects, tries, and silence. How long a fetch takes is not, as long as bytes come.
//
// In its directory are, each made by it alone:
//
//	sha256/ab/ab12...  the files, by digest
//	urls/cd34...       what was at a URL (by the SHA-256 of the URL): JSON; the time is that of the last use
//	partial/cd34...    what has come so far, and partial/cd34....json, what it is a part of
//	lock               held by the server that uses the directory
package imagecache

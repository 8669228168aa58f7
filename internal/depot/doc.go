// Package depot keeps the files that users send to the server: images and archives that a description names and that the
// server may not read itself. A file is named by its SHA-256 and belongs to those who sent it.
//
// Read depot.go first, then append.go (how a file comes in), room.go (what leaves when it is full), handler.go and upload.go
// (both ends of the way over HTTP) and resolve.go (which file a user may name at all). The package knows no actor and no
// authentication: who somebody is, it is told.
//
// What it promises:
//   - A file is there for an owner only after that owner has sent all of it. To know a digest is worth nothing: whoever asks
//     for a file that others have sent is told that nothing is there, and sends it again. It is kept once all the same.
//   - What an owner may use was held against its digest before, and never changes in its place.
//   - An upload goes on where it stopped, over cut connections, full disks and killed servers.
//   - A file in use stays. Of the others those leave first that were not used for the longest time.
//
// In its directory are, each made by it alone:
//
//	sha256/ab/ab12...   the files, by digest
//	owners/WHO/ab12...  empty; WHO has sent this file; the time is that of the last use
//	partial/WHO-ab12... what WHO has sent so far
//	lock                held by the server that uses the directory
//
// The marks of owners are no hard links: a link more would change the times of the file, by which others know that it is
// still the one they have read.
package depot

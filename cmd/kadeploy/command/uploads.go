package command

import (
	"fmt"
	"io"
	"time"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// uploadLines are how often a line says how far a file is.
const uploadLines = 5 * time.Second

// Uploads returns what writes a line when a file of the request begins to go to the server, every few seconds, and when the
// server has it. Errors of w are ignored: losing the narration must not lose the request.
func Uploads(w io.Writer, now func() time.Time) func(client.UploadProgress) {
	u := &uploads{w: w, now: now}
	return u.told
}

// uploads are the lines of one file after the other.
type uploads struct {
	w    io.Writer
	now  func() time.Time
	last client.UploadProgress

	began time.Time // of this file and stage
	from  int64     // bytes that the server had then
	said  time.Time
	over  bool
}

func (u *uploads) told(p client.UploadProgress) {
	now := u.now()
	if p.Path != u.last.Path || p.Sending != u.last.Sending || u.over && p.Done < p.Total {
		u.began, u.said, u.from, u.over = now, now, p.Done, false
		if p.Sending && p.Done < p.Total {
			u.begin(p)
		}
	}
	u.last = p
	switch {
	case u.over:
	case p.Sending && p.Done == p.Total:
		u.over = true
		u.line(p, "%s is at the server%s", wording.Size(uint64(p.Total)), u.pace(p, now))
	case now.Sub(u.said) >= uploadLines:
		u.said = now
		u.line(p, "%d %% of %s%s", percent(p), wording.Size(uint64(p.Total)), u.pace(p, now))
	}
}

func (u *uploads) begin(p client.UploadProgress) {
	if p.Done > 0 {
		u.line(p, "goes on after %s of %s", wording.Size(uint64(p.Done)), wording.Size(uint64(p.Total)))
		return
	}
	u.line(p, "%s, which the server may not read by itself", wording.Size(uint64(p.Total)))
}

func (u *uploads) line(p client.UploadProgress, format string, args ...any) {
	what := "upload"
	if !p.Sending {
		what = "digest"
	}
	fmt.Fprintf(u.w, "%s %s: %s\n", what, wording.Clean(p.Path), fmt.Sprintf(format, args...))
}

// pace is the rate since the file began.
func (u *uploads) pace(p client.UploadProgress, now time.Time) string {
	took, bytes := now.Sub(u.began), p.Done-u.from
	if took < time.Second/10 || bytes <= 0 {
		return ""
	}
	return fmt.Sprintf(", %s/s", wording.Size(uint64(float64(bytes)/took.Seconds())))
}

func percent(p client.UploadProgress) int64 {
	if p.Total <= 0 {
		return 100
	}
	return int64(float64(p.Done) / float64(p.Total) * 100)
}

package imagecache

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// infoOf is what an answer says of the whole file.
func infoOf(answer *http.Response, size int64) info {
	return info{Size: size, Validator: validator(answer.Header), ETag: etag(answer.Header)}
}

// goesOn says whether an answer is the rest of what has come.
func (d *download) goesOn(answer *http.Response) bool {
	from, total, ok := parseContentRange(answer.Header.Get("Content-Range"))
	if !ok || from != d.have || d.info.Size >= 0 && total != d.info.Size {
		return false
	}
	now := validator(answer.Header)
	if now != "" && now != d.info.Validator {
		return false
	}
	d.info.Size = total
	return true
}

var entityTag = regexp.MustCompile(`^(W/)?"[\x21\x23-\x7e\x80-\xff]*"$`)

// etag is the entity tag, weak or strong; "" when there is none.
func etag(h http.Header) string {
	if tag := h.Get("ETag"); len(tag) <= 1024 && entityTag.MatchString(tag) {
		return tag
	}
	return ""
}

// validator is what If-Range takes: a strong entity tag, or a date of the last change that is older than the answer by so much that
// the file cannot have changed twice within it (RFC 9110, 8.8.2.2); "" when there is neither.
func validator(h http.Header) string {
	if tag := etag(h); tag != "" {
		if strings.HasPrefix(tag, "W/") {
			return ""
		}
		return tag
	}
	changed, err := http.ParseTime(h.Get("Last-Modified"))
	if err != nil {
		return ""
	}
	if date, err := http.ParseTime(h.Get("Date")); err != nil || date.Sub(changed) < time.Minute {
		return ""
	}
	return h.Get("Last-Modified")
}

var contentRange = regexp.MustCompile(`^bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})$`)

// parseContentRange reads the part of a file of known size that reaches to its end.
func parseContentRange(text string) (from, total int64, ok bool) {
	m := contentRange.FindStringSubmatch(text)
	if m == nil {
		return 0, 0, false
	}
	from, _ = strconv.ParseInt(m[1], 10, 64)
	to, _ := strconv.ParseInt(m[2], 10, 64)
	total, _ = strconv.ParseInt(m[3], 10, 64)
	return from, total, from <= to && to < total
}

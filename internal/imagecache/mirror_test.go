package imagecache_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
)

// mirror is a server of images with a control panel. What it was asked is in asked: the Range, or "whole", or "changed?".
type mirror struct {
	*httptest.Server
	mu       sync.Mutex
	content  []byte
	etag     string        // as it is in the header; "": none
	modified time.Time     // zero: no Last-Modified
	cuts     []int         // bytes of the body after which a connection is cut, one after the other
	claims   int           // Content-Length; 0: the truth
	chunked  bool          // no Content-Length
	status   []int         // answers before it works
	deaf     bool          // it takes no ranges
	hang     bool          // instead of cutting a connection, it says nothing more until the client is gone
	after    func(*mirror) // when a connection was cut
	hold     chan struct{} // an answer waits for it
	asked    []string
}

func newMirror(content []byte) *mirror {
	m := &mirror{content: content, etag: `"v1"`}
	m.Server = httptest.NewServer(m)
	DeferCleanup(m.Close)
	return m
}

func (m *mirror) set(change func(*mirror)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

func (m *mirror) requests() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string{}, m.asked...)
}

func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	hold := m.hold
	m.mu.Unlock()
	if hold != nil {
		<-hold
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	from := m.from(r)
	switch {
	case len(m.status) > 0:
		w.WriteHeader(m.status[0])
		m.status = m.status[1:]
		return
	case m.etag != "" && r.Header.Get("If-None-Match") == m.etag,
		!m.modified.IsZero() && r.Header.Get("If-Modified-Since") == m.modified.UTC().Format(http.TimeFormat):
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if m.etag != "" {
		w.Header().Set("ETag", m.etag)
	}
	if !m.modified.IsZero() {
		w.Header().Set("Last-Modified", m.modified.UTC().Format(http.TimeFormat))
	}
	m.write(w, r, from)
}

// from is where the answer starts.
func (m *mirror) from(r *http.Request) int {
	var from int
	same := r.Header.Get("If-Range") == m.etag || !m.modified.IsZero() && r.Header.Get("If-Range") == m.modified.UTC().Format(http.TimeFormat)
	switch _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); {
	case err == nil:
		m.asked = append(m.asked, r.Header.Get("Range"))
		if !same || m.deaf {
			from = 0
		}
	case r.Header.Get("If-None-Match") != "", r.Header.Get("If-Modified-Since") != "":
		m.asked = append(m.asked, "changed?")
	default:
		m.asked = append(m.asked, "whole")
	}
	return from
}

func (m *mirror) write(w http.ResponseWriter, r *http.Request, from int) {
	body := m.content[from:]
	size := len(body)
	if m.claims > 0 {
		size = m.claims - from
	}
	if !m.chunked {
		w.Header().Set("Content-Length", strconv.Itoa(size))
	}
	if from > 0 {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, from+size-1, from+size))
		w.WriteHeader(http.StatusPartialContent)
	}
	if len(m.cuts) == 0 {
		_, _ = w.Write(body)
		return
	}
	_, _ = w.Write(body[:min(m.cuts[0], len(body))])
	m.cuts = m.cuts[1:]
	_ = http.NewResponseController(w).Flush()
	if m.hang {
		m.mu.Unlock()
		<-r.Context().Done()
		m.mu.Lock()
	}
	if m.after != nil {
		m.after(m)
	}
	panic(http.ErrAbortHandler)
}

// image is bytes that look like no other seed's.
func image(seed byte, size int) []byte {
	b := make([]byte, size)
	r := rand.NewChaCha8([32]byte{seed})
	_, _ = r.Read(b)
	return b
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

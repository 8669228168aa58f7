package depot_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kadeploy/kadeploy/internal/depot"
)

// FuzzHandler asks for anything: the server lives, answers with a status it means, and writes nothing outside of its directory,
// nor a file for somebody who did not send it.
func FuzzHandler(f *testing.F) {
	hex := strings.Repeat("ab", 32)
	empty := "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	f.Add("HEAD", "/v1/files/sha256/"+hex, "size=10", "ada", "0", "application/partial-upload", []byte("x"))
	f.Add("PATCH", "/v1/files/sha256/"+hex, "size=10", "ada", "0", "application/partial-upload", []byte("0123456789"))
	f.Add("PATCH", "/v1/files/sha256/"+empty, "size=0", "../..", "0", "application/partial-upload", []byte(""))
	f.Add("PATCH", "/v1/files/sha256/../../x", "size=10&size=9", "a/b", "-1", "", []byte("0"))
	f.Add("PATCH", "/v1/files/sha256/"+hex, "size=%2B10", "\x00", "0, 0", "application/partial-upload;a=b", []byte("0"))
	f.Fuzz(func(t *testing.T, method, path, query, owner, offset, kind string, body []byte) {
		top := t.TempDir()
		d, err := depot.Open(depot.Config{Dir: filepath.Join(top, "uploads"), MaxBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		w := httptest.NewRecorder()
		r := (&http.Request{
			Method: method, URL: &url.URL{Path: path, RawQuery: query}, Body: http.NoBody,
			Header: http.Header{"Upload-Offset": {offset}, "Content-Type": {kind}},
		}).WithContext(t.Context())
		r.Body = readCloser{bytes.NewReader(body)}
		depot.Handler(d, func(*http.Request) (string, bool) { return owner, true }).ServeHTTP(w, r)
		switch w.Code {
		case 201, 204, 400, 403, 405, 409, 413, 415, 422, 507:
		default:
			t.Fatalf("answered %d: %s", w.Code, w.Body)
		}
		if entries, err := os.ReadDir(top); err != nil || len(entries) != 1 {
			t.Fatalf("beside the depot: %v %v", entries, err)
		}
		files, _ := filepath.Glob(filepath.Join(top, "uploads", "sha256", "*", "*"))
		if (w.Code == 201) != (len(files) == 1) {
			t.Fatalf("answered %d and has %v", w.Code, files)
		}
		if w.Code == 201 && filepath.Base(files[0]) != sum(body[:min(len(body), int(sizeOf(files[0])))]).String() {
			t.Fatal("a file that is not what its name says")
		}
	})
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// FuzzOwner gives each owner a place of its own, and none outside.
func FuzzOwner(f *testing.F) {
	for _, s := range []string{"", "ada", "..", "a/b", "a%2Fb", "%", "é", "a-b"} {
		f.Add(s, "ada")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := depot.OwnerName(a), depot.OwnerName(b)
		if (x == y) != (a == b) {
			t.Fatalf("%q and %q are %q and %q", a, b, x, y)
		}
		if strings.ContainsAny(x, "./-\x00") || depot.IsOwnerName(x) != (x != "" && len(x) <= 180) {
			t.Fatalf("%q is %q", a, x)
		}
	})
}

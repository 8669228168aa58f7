package blackout

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// fetchedImages is how many environments the catalogue has; the image and the post-install of each are at URLs.
const fetchedImages = 3

// cacheSize is the limit of the image cache, in bytes. It holds two of the images, so that the third has to wait for one to leave.
const cacheSize = 4 << 20

// web serves the files of the catalogue, slowly enough for a daemon to die meanwhile.
type web struct {
	url     string
	server  *http.Server
	digests map[string]bool // of the files
}

func newWeb(host, dir string) (*web, error) {
	listener, err := net.Listen("tcp", host+":0")
	if err != nil {
		return nil, err
	}
	w := &web{url: "http://" + listener.Addr().String(), server: &http.Server{ReadHeaderTimeout: 10 * time.Second}, digests: make(map[string]bool)}
	files := make(map[string][]byte)
	for n := 1; n <= fetchedImages; n++ {
		files["/"+fetched(n)+".tar"], files["/"+fetched(n)+".post.tar"] = system(fetched(n)), postInstalls(dir, fetched(n))
	}
	for _, content := range files {
		w.digests[fmt.Sprintf("%x", sha256.Sum256(content))] = true
	}
	w.server.Handler = http.HandlerFunc(func(out http.ResponseWriter, q *http.Request) {
		content, ok := files[q.URL.Path]
		if !ok {
			http.NotFound(out, q)
			return
		}
		out.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(content)))
		http.ServeContent(slow{out, q}, q, "", time.Time{}, bytes.NewReader(content))
	})
	go func() { _ = w.server.Serve(listener) }() // until close
	return w, nil
}

func (w *web) close() { _ = w.server.Close() }

// environment is the description of one of the catalogue.
func (w *web) environment(n int) string {
	return describe(fetched(n), w.url+"/"+fetched(n)+".tar", w.url+"/"+fetched(n)+".post.tar")
}

// fetched is the name of an environment of the catalogue, from 1.
func fetched(n int) string { return fmt.Sprintf("fetched-%d", n) }

// slow sends a few megabytes a second.
type slow struct {
	http.ResponseWriter
	q *http.Request
}

func (s slow) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		var m int
		m, err = s.ResponseWriter.Write(p[:min(len(p), 16<<10)])
		n, p = n+m, p[m:]
		pause(s.q.Context(), 4*time.Millisecond)
	}
	return n, err
}

// describe is an environment whose image and post-install are at paths or URLs.
func describe(name, image, post string) string {
	return strings.Join([]string{"name : " + name, "version : 1", "tarball : " + image + "|tar", "postinstall : " + post + "|tar|post.sh",
		"kernel : /vmlinuz", "initrd : /initrd.img", "filesystem : ext4", "fdisktype : 83", "environment_kind : linux", ""}, "\n")
}

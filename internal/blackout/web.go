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

// fetchedImages is how many environments the catalogue has; the images of each are at a URL.
const fetchedImages = 3

// cacheSize is the limit of the image cache, in bytes. It holds two of the images, so that the third has to wait for one to leave.
const cacheSize = 4 << 20

// web serves the images of the catalogue, slowly enough for a daemon to die meanwhile.
type web struct {
	url    string
	server *http.Server
}

func newWeb(host string) (*web, error) {
	listener, err := net.Listen("tcp", host+":0")
	if err != nil {
		return nil, err
	}
	w := &web{url: "http://" + listener.Addr().String(), server: &http.Server{ReadHeaderTimeout: 10 * time.Second}}
	images := make(map[string][]byte)
	for n := 1; n <= fetchedImages; n++ {
		images["/"+fetched(n)+".tar"] = system(fetched(n))
	}
	w.server.Handler = http.HandlerFunc(func(out http.ResponseWriter, q *http.Request) {
		image, ok := images[q.URL.Path]
		if !ok {
			http.NotFound(out, q)
			return
		}
		out.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(image)))
		http.ServeContent(slow{out, q}, q, "", time.Time{}, bytes.NewReader(image))
	})
	go func() { _ = w.server.Serve(listener) }() // until close
	return w, nil
}

func (w *web) close() { _ = w.server.Close() }

// environment is the description of one of the catalogue.
func (w *web) environment(dir string, n int) string {
	return describe(dir, fetched(n), w.url+"/"+fetched(n)+".tar")
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

// describe is an environment whose image is at a path or a URL.
func describe(dir, name, image string) string {
	return strings.Join([]string{"name : " + name, "version : 1", "tarball : " + image + "|tar", "postinstall : " + dir + "/images/post.tar|tar|post.sh",
		"kernel : /vmlinuz", "initrd : /initrd.img", "filesystem : ext4", "fdisktype : 83", "environment_kind : linux", ""}, "\n")
}

package imagecache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// FuzzAnswer fetches from a server that answers whatever it likes. There is an error, or a file that is what its digest says.
func FuzzAnswer(f *testing.F) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\nhel",
		"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/5\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 304 Not Modified\r\n\r\n", "HTTP/1.1 416 No\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nhello", "nonsense",
	} {
		f.Add([]byte(answer), []byte(answer))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		c, err := Open(Config{Dir: t.TempDir(), MaxBytes: 1 << 20, Silence: 200 * time.Millisecond, Tries: 2, Pause: time.Nanosecond})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		answers := [][]byte{first, second}
		c.http.Transport = &http.Transport{DisableCompression: true, DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			answer := answers[0]
			answers = append(answers[1:], answer)
			go func() {
				defer theirs.Close()
				_, _ = theirs.Read(make([]byte, 4096))
				_, _ = theirs.Write(answer)
			}()
			return ours, nil
		}}
		for range 2 {
			file, err := c.Fetch(context.Background(), Want{URL: "http://server/image"}, nil)
			if err != nil {
				continue
			}
			content, err := os.ReadFile(file.Path)
			if sum := sha256.Sum256(content); err != nil || hex.EncodeToString(sum[:]) != file.SHA256 {
				t.Fatalf("a file of %d bytes that is not what its digest says: %v", len(content), err)
			}
			file.Release()
		}
	})
}

// FuzzContentRange holds what is read of a header against what it must mean.
func FuzzContentRange(f *testing.F) {
	f.Add("bytes 0-4/5")
	f.Add("bytes */5")
	f.Fuzz(func(t *testing.T, text string) {
		if from, total, ok := parseContentRange(text); ok && (from < 0 || from >= total) {
			t.Fatalf("%q: from %d of %d", text, from, total)
		}
	})
}

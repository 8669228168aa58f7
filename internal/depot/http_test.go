package depot_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/depot"
)

// asked takes a user from a header; only tests may.
func asked(r *http.Request) (string, bool) {
	user := r.Header.Get("Test-User")
	return user, user != ""
}

// door is a server of a depot on a real port, whose connections are counted and can be cut.
type door struct {
	*httptest.Server
	depot *depot.Depot
	cutAt atomic.Int64 // bytes from the client after which a connection is cut; 0: never
	conns atomic.Int64
}

func newDoor(c depot.Config) *door {
	GinkgoHelper()
	d := &door{depot: opened(c)}
	d.Server = httptest.NewUnstartedServer(depot.Handler(d.depot, asked))
	d.Listener = &fragile{d.Listener, d}
	d.Start()
	DeferCleanup(d.Close)
	return d
}

type fragile struct {
	net.Listener
	door *door
}

func (f *fragile) Accept() (net.Conn, error) {
	c, err := f.Listener.Accept()
	if err != nil {
		return nil, err
	}
	f.door.conns.Add(1)
	return &fragileConn{Conn: c, left: f.door.cutAt.Load()}, nil
}

// fragileConn resets itself in the middle of what it receives.
type fragileConn struct {
	net.Conn
	left int64
}

func (c *fragileConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.left > 0 {
		if c.left -= int64(n); c.left <= 0 {
			_ = c.Conn.(*net.TCPConn).SetLinger(0)
			_ = c.Conn.Close()
			return 0, net.ErrClosed
		}
	}
	return n, err
}

// as is a client of one user.
func (d *door) as(user string) *http.Client {
	t := &http.Transport{ExpectContinueTimeout: time.Second}
	DeferCleanup(t.CloseIdleConnections)
	return &http.Client{Transport: tagged{t, user}}
}

type tagged struct {
	http.RoundTripper
	user string
}

func (t tagged) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Test-User", t.user)
	return t.RoundTripper.RoundTrip(r)
}

func (d *door) ask(user, method, path string, header map[string]string, body io.Reader) (*http.Response, string) {
	GinkgoHelper()
	r, err := http.NewRequest(method, d.URL+path, body)
	Expect(err).NotTo(HaveOccurred())
	for k, v := range header {
		r.Header.Set(k, v)
	}
	answer, err := d.as(user).Do(r)
	Expect(err).NotTo(HaveOccurred())
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	Expect(err).NotTo(HaveOccurred())
	return answer, string(text)
}

func (d *door) head(user string, b []byte) (string, string) {
	GinkgoHelper()
	answer, _ := d.ask(user, "HEAD", where(b), nil, nil)
	Expect(answer.StatusCode).To(Equal(http.StatusNoContent))
	Expect(answer.Header.Get("Upload-Length")).To(Equal(fmt.Sprint(len(b))))
	return answer.Header.Get("Upload-Offset"), answer.Header.Get("Upload-Complete")
}

func (d *door) patch(user string, b []byte, offset int, part []byte) (*http.Response, string) {
	GinkgoHelper()
	return d.ask(user, "PATCH", where(b), map[string]string{
		"Content-Type": "application/partial-upload", "Upload-Offset": fmt.Sprint(offset)}, bytes.NewReader(part))
}

func where(b []byte) string { return fmt.Sprintf("/v1/files/sha256/%s?size=%d", sum(b), len(b)) }

// fileOf is a client's file.
func fileOf(b []byte) *os.File {
	GinkgoHelper()
	path := filepath.Join(GinkgoT().TempDir(), "image")
	Expect(os.WriteFile(path, b, 0o600)).To(Succeed())
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(f.Close)
	return f
}

func atOnce(context.Context, int) error { return nil }

var _ = Describe("Over HTTP", func() {
	It("a file is asked for, sent in parts, and asked for again", func() {
		d, b := newDoor(depot.Config{}), content(1, 1000)
		offset, complete := d.head("ada", b)
		Expect([]string{offset, complete}).To(Equal([]string{"0", "?0"}))
		answer, _ := d.patch("ada", b, 0, b[:400])
		Expect(answer.StatusCode).To(Equal(http.StatusNoContent))
		Expect(answer.Header.Get("Upload-Offset")).To(Equal("400"))
		Expect(answer.Header.Get("Upload-Complete")).To(Equal("?0"))
		offset, complete = d.head("ada", b)
		Expect([]string{offset, complete}).To(Equal([]string{"400", "?0"}))
		answer, text := d.patch("ada", b, 300, b[300:])
		Expect(answer.StatusCode).To(Equal(http.StatusConflict))
		Expect(answer.Header.Get("Upload-Offset")).To(Equal("400"))
		Expect(text).To(ContainSubstring("400 bytes are there"))
		answer, _ = d.patch("ada", b, 400, b[400:])
		Expect(answer.StatusCode).To(Equal(http.StatusCreated))
		Expect(answer.Header.Get("Upload-Complete")).To(Equal("?1"))
		offset, complete = d.head("ada", b)
		Expect([]string{offset, complete}).To(Equal([]string{"1000", "?1"}))
		offset, complete = d.head("bob", b)
		Expect([]string{offset, complete}).To(Equal([]string{"0", "?0"}))
		Expect(answer.Header.Get("Cache-Control")).To(Equal("no-store"))
	})

	It("what goes wrong has its own answer, in one line", func() {
		d, b := newDoor(depot.Config{MaxFile: 2000, MaxPerUser: 1500}), content(1, 1000)
		answer, text := d.patch("ada", b, 0, content(2, 1000))
		Expect(answer.StatusCode).To(Equal(http.StatusUnprocessableEntity))
		Expect(text).To(HavePrefix("the uploaded file has the sha256"))
		Expect(strings.Count(text, "\n")).To(Equal(1))
		answer, _ = d.patch("ada", content(3, 2001), 0, nil)
		Expect(answer.StatusCode).To(Equal(http.StatusRequestEntityTooLarge))
		answer, _ = d.ask("ada", "HEAD", where(content(3, 2001)), nil, nil)
		Expect(answer.StatusCode).To(Equal(http.StatusRequestEntityTooLarge))
		answer, text = d.patch("ada", content(4, 1600), 0, nil)
		Expect(answer.StatusCode).To(Equal(http.StatusInsufficientStorage))
		Expect(text).To(ContainSubstring("upload_max_user"))
		Expect(d.depot.Close()).To(Succeed())
		answer, _ = d.patch("ada", b, 0, b)
		Expect(answer.StatusCode).To(Equal(http.StatusServiceUnavailable))
		Expect(answer.Header.Get("Retry-After")).NotTo(BeEmpty())
	})

	DescribeTable("a request that cannot be right is refused", func(method, path string, header map[string]string, status int) {
		d := newDoor(depot.Config{})
		user := "ada"
		if header["nobody"] != "" {
			user, header = "", nil
		}
		answer, _ := d.ask(user, method, strings.ReplaceAll(path, "HEX", strings.Repeat("ab", 32)), header, nil)
		Expect(answer.StatusCode).To(Equal(status))
	},
		Entry("of nobody", "HEAD", "/v1/files/sha256/HEX?size=1", map[string]string{"nobody": "1"}, 403),
		Entry("without a size", "HEAD", "/v1/files/sha256/HEX", nil, 400),
		Entry("with two", "HEAD", "/v1/files/sha256/HEX?size=1&size=2", nil, 400),
		Entry("with a negative one", "HEAD", "/v1/files/sha256/HEX?size=-1", nil, 400),
		Entry("with a huge one", "HEAD", "/v1/files/sha256/HEX?size=1234567890123456", nil, 400),
		Entry("with a sign", "HEAD", "/v1/files/sha256/HEX?size=%2B1", nil, 400),
		Entry("of no digest", "HEAD", "/v1/files/sha256/?size=1", nil, 400),
		Entry("of a long one", "HEAD", "/v1/files/sha256/HEXa?size=1", nil, 400),
		Entry("of a path", "HEAD", "/v1/files/sha256/../../../../etc/passwd?size=1", nil, 400),
		Entry("of an escaped path", "HEAD", "/v1/files/sha256/..%2f..%2fetc%2fpasswd?size=1", nil, 400),
		Entry("of something else", "HEAD", "/v1/other", nil, 400),
		Entry("to read", "GET", "/v1/files/sha256/HEX?size=1", nil, 405),
		Entry("to remove", "DELETE", "/v1/files/sha256/HEX?size=1", nil, 405),
		Entry("without an offset", "PATCH", "/v1/files/sha256/HEX?size=1", map[string]string{"Content-Type": "application/partial-upload"}, 400),
		Entry("with an offset that is none", "PATCH", "/v1/files/sha256/HEX?size=1", map[string]string{"Content-Type": "application/partial-upload", "Upload-Offset": "x"}, 400),
		Entry("with another type", "PATCH", "/v1/files/sha256/HEX?size=1", map[string]string{"Upload-Offset": "0"}, 415),
	)

	It("a body that says nothing for a while is ended, and what it brought stays", func() {
		d, b := newDoor(depot.Config{Silence: 150 * time.Millisecond}), content(1, 1000)
		conn, err := net.Dial("tcp", d.Listener.Addr().String())
		Expect(err).NotTo(HaveOccurred())
		defer conn.Close()
		fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: x\r\nTest-User: ada\r\nUpload-Offset: 0\r\nContent-Type: application/partial-upload\r\nContent-Length: 1000\r\n\r\n", where(b))
		began := time.Now()
		for i := range 5 { // slow, but it says something
			_, err = conn.Write(b[i*10 : i*10+10])
			Expect(err).NotTo(HaveOccurred())
			time.Sleep(60 * time.Millisecond) // the client's slowness is what this is about
		}
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		Expect(err).NotTo(HaveOccurred())
		defer answer.Body.Close()
		Expect(answer.StatusCode).To(Equal(http.StatusRequestTimeout))
		Expect(answer.Header.Get("Upload-Offset")).To(Equal("50"))
		Expect(time.Since(began)).To(BeNumerically(">", 300*time.Millisecond))
		offset, _ := d.head("ada", b)
		Expect(offset).To(Equal("50"))
	})

	It("an upload whose client vanished is taken over by the next one", func() {
		d, b := newDoor(depot.Config{}), content(1, 1000)
		conn, err := net.Dial("tcp", d.Listener.Addr().String())
		Expect(err).NotTo(HaveOccurred())
		defer conn.Close()
		fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: x\r\nTest-User: ada\r\nUpload-Offset: 0\r\nContent-Type: application/partial-upload\r\nContent-Length: 1000\r\n\r\n%s", where(b), b[:700])
		Eventually(func() []string { return stored(d.dir()) }).ShouldNot(BeEmpty())
		Expect(depot.Upload(ctx, depot.UploadConfig{Client: d.as("ada"), BaseURL: d.URL, File: fileOf(b), Size: 1000, Digest: sum(b)})).To(Succeed())
		Expect(has(d.depot, "ada", b)).To(BeTrue())
	})
})

var _ = Describe("Over TLS and HTTP/2", func() {
	It("a file goes the same way, and a silent body ends the same way", func() {
		d := opened(depot.Config{Silence: 200 * time.Millisecond})
		s := httptest.NewUnstartedServer(depot.Handler(d, func(r *http.Request) (string, bool) { return "ada", r.ProtoMajor == 2 }))
		s.EnableHTTP2 = true
		s.StartTLS()
		DeferCleanup(s.Close)
		b := content(1, 3<<20)
		Expect(depot.Upload(ctx, depot.UploadConfig{Client: s.Client(), BaseURL: s.URL, File: fileOf(b), Size: 3 << 20, Digest: sum(b), Tries: 1})).To(Succeed())
		Expect(has(d, "ada", b)).To(BeTrue())

		b = content(2, 1000)
		from, to := io.Pipe()
		defer to.Close()
		r, err := http.NewRequest("PATCH", s.URL+where(b), from)
		Expect(err).NotTo(HaveOccurred())
		r.Header.Set("Upload-Offset", "0")
		r.Header.Set("Content-Type", "application/partial-upload")
		go func() { _, _ = to.Write(b[:300]) }()
		answer, err := s.Client().Do(r)
		Expect(err).NotTo(HaveOccurred())
		defer answer.Body.Close()
		Expect(answer.StatusCode).To(Equal(http.StatusRequestTimeout))
		Expect(there(d, "ada", b)).To(BeEquivalentTo(300))
	})
})

func (d *door) dir() string {
	path, _ := filepath.Split(depot.DirOf(d.depot) + "/")
	return path
}

var _ = Describe("A client's upload", func() {
	upload := func(d *door, f *os.File, b []byte, change func(*depot.UploadConfig)) error {
		GinkgoHelper()
		c := depot.UploadConfig{Client: d.as("ada"), BaseURL: d.URL, File: f, Size: int64(len(b)), Digest: sum(b), Pause: atOnce}
		if change != nil {
			change(&c)
		}
		return depot.Upload(ctx, c)
	}

	It("brings a file and tells how far it is", func() {
		d, b := newDoor(depot.Config{}), content(1, 3<<20)
		var told []int64
		Expect(upload(d, fileOf(b), b, func(c *depot.UploadConfig) {
			c.Progress = func(done, total int64) {
				Expect(total).To(BeEquivalentTo(3 << 20))
				told = append(told, done)
			}
		})).To(Succeed())
		Expect(has(d.depot, "ada", b)).To(BeTrue())
		Expect(told[0]).To(BeZero())
		Expect(told[len(told)-1]).To(BeEquivalentTo(3 << 20))
		for i := 1; i < len(told); i++ {
			Expect(told[i]).To(BeNumerically(">=", told[i-1]))
		}
		Expect(upload(d, fileOf(b), b, nil)).To(Succeed(), "again: nothing is to do")
	})

	It("brings an empty file", func() {
		d := newDoor(depot.Config{})
		Expect(upload(d, fileOf(nil), nil, nil)).To(Succeed())
		Expect(has(d.depot, "ada", nil)).To(BeTrue())
	})

	It("goes on over connections that are cut again and again", func() {
		d, b := newDoor(depot.Config{}), content(1, 4<<20)
		d.cutAt.Store(600_000)
		Expect(upload(d, fileOf(b), b, nil)).To(Succeed())
		Expect(has(d.depot, "ada", b)).To(BeTrue())
		Expect(d.conns.Load()).To(BeNumerically(">", 5))
	})

	It("comes to its end also when the same user sends the same file twice at once", func() {
		d, b := newDoor(depot.Config{}), content(1, 8<<20)
		ends, f, g := make(chan error, 2), fileOf(b), fileOf(b)
		c := d.as("ada")
		for _, f := range []*os.File{f, g} {
			go func() {
				ends <- depot.Upload(ctx, depot.UploadConfig{Client: c, BaseURL: d.URL, File: f, Size: int64(len(b)), Digest: sum(b)})
			}()
		}
		Expect(<-ends).To(Succeed())
		Expect(<-ends).To(Succeed())
		Expect(has(d.depot, "ada", b)).To(BeTrue())
	})

	It("goes on with another server over the same directory", func() {
		dir, b := GinkgoT().TempDir(), content(1, 1<<20)
		d := newDoor(depot.Config{Dir: dir})
		d.cutAt.Store(300_000)
		Expect(upload(d, fileOf(b), b, func(c *depot.UploadConfig) { c.Tries = 1 })).NotTo(Succeed())
		d.Close()
		Expect(d.depot.Close()).To(Succeed())
		d = newDoor(depot.Config{Dir: dir})
		Expect(there(d.depot, "ada", b)).To(BeNumerically(">", 100_000))
		Expect(upload(d, fileOf(b), b, nil)).To(Succeed())
	})

	It("gives up a server that takes nothing, after its tries", func() {
		tries, b := 0, content(1, 1000)
		f := fileOf(b)
		c := depot.UploadConfig{Client: &http.Client{}, BaseURL: "http://127.0.0.1:1", File: f, Size: 1000, Digest: sum(b), Tries: 3,
			Pause: func(context.Context, int) error { tries++; return nil }}
		Expect(depot.Upload(ctx, c)).To(MatchError(ContainSubstring("refused")))
		Expect(tries).To(Equal(2))
	})

	It("ends at once when the server says a reasoned no", func() {
		d, b := newDoor(depot.Config{MaxPerUser: 500, MaxFile: 5000}), content(1, 1000)
		err := upload(d, fileOf(b), b, func(c *depot.UploadConfig) {
			c.Pause = func(context.Context, int) error { Fail("no second try"); return nil }
		})
		Expect(err).To(BeAssignableToTypeOf(&depot.StatusError{}))
		Expect(err).To(MatchError(ContainSubstring("upload_max_user")))
	})

	It("notices that the file is not the one any more whose digest was taken", func() {
		d, b := newDoor(depot.Config{}), content(1, 1<<20)
		f := fileOf(b)
		Expect(f.Truncate(1000)).To(Succeed())
		Expect(upload(d, f, b, nil)).To(MatchError(depot.ErrChanged))

		f = fileOf(b)
		changed := false
		Expect(upload(d, f, b, func(c *depot.UploadConfig) {
			c.Progress = func(done, _ int64) {
				if done > 0 && !changed {
					changed = true
					_, err := f.WriteAt([]byte("other bytes"), 1<<20-100)
					Expect(err).NotTo(HaveOccurred())
					long := time.Now().Add(time.Hour)
					Expect(os.Chtimes(f.Name(), long, long)).To(Succeed())
				}
			}
		})).To(MatchError(depot.ErrChanged))
	})

	It("ends after the second time that the server finds another digest", func() {
		d, b := newDoor(depot.Config{}), content(1, 1000)
		tries := 0
		Expect(upload(d, fileOf(content(2, 1000)), b, func(c *depot.UploadConfig) {
			c.Pause = func(context.Context, int) error { tries++; return nil }
		})).To(MatchError(ContainSubstring("the uploaded file has the sha256")))
		Expect(tries).To(Equal(1))
	})

	It("gives up a connection over which nothing leaves", func() {
		silent, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		defer silent.Close()
		b := content(1, 1000)
		t := &http.Transport{}
		defer t.CloseIdleConnections()
		c := depot.UploadConfig{Client: &http.Client{Transport: t}, BaseURL: "http://" + silent.Addr().String(), File: fileOf(b), Size: 1000, Digest: sum(b),
			Tries: 1, Silence: 50 * time.Millisecond, Pause: atOnce}
		Expect(depot.Upload(ctx, c)).To(MatchError(ContainSubstring("silent")))
	})

	It("ends with its context", func() {
		d, b := newDoor(depot.Config{}), content(1, 1000)
		d.cutAt.Store(10)
		ctx, cancel := context.WithCancel(ctx)
		c := depot.UploadConfig{Client: d.as("ada"), BaseURL: d.URL, File: fileOf(b), Size: 1000, Digest: sum(b),
			Pause: func(context.Context, int) error { cancel(); return nil }}
		Expect(depot.Upload(ctx, c)).To(MatchError(context.Canceled))
	})
})

var _ = Describe("The digest of a file", func() {
	It("is that of its bytes, and comes with their number", func() {
		b := content(1, 2500<<10)
		var told []int64
		digest, size, err := depot.Sum(ctx, fileOf(b), func(done, total int64) { told = append(told, done, total) })
		Expect(err).NotTo(HaveOccurred())
		Expect(digest).To(Equal(sum(b)))
		Expect(size).To(BeEquivalentTo(2500 << 10))
		Expect(told).To(Equal([]int64{1 << 20, 2500 << 10, 2 << 20, 2500 << 10, 2500 << 10, 2500 << 10}))
	})

	It("ends with its context", func() {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		_, _, err := depot.Sum(ctx, fileOf(content(1, 10)), nil)
		Expect(err).To(MatchError(context.Canceled))
	})
})

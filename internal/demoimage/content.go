package demoimage

import (
	"hash/fnv"
	"io"
	"math/rand/v2"
)

// block is the unit of content: half of it drawn, half of it repeating, so that it compresses to about a half, as
// programs do.
const block = 4 << 10

// content is what a file holds, size bytes: its text, then blocks drawn from its name.
type content struct {
	draw *rand.ChaCha8
	left int
	buf  [block]byte
	rest []byte // of text, then of buf
}

func newContent(f file) io.Reader {
	h := fnv.New128a()
	io.WriteString(h, f.name)
	var key [32]byte
	copy(key[:], "kadeploy demo")
	copy(key[16:], h.Sum(nil))
	return &content{draw: rand.NewChaCha8(key), left: f.size, rest: []byte(f.text)}
}

func (c *content) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	if len(c.rest) == 0 {
		c.draw.Read(c.buf[:block/2]) // never fails
		for i := block / 2; i < block; i += 16 {
			copy(c.buf[i:], c.buf[:16])
		}
		c.rest = c.buf[:]
	}
	n := copy(p[:min(len(p), c.left)], c.rest)
	c.rest, c.left = c.rest[n:], c.left-n
	return n, nil
}

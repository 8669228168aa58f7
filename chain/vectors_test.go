package chain

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"time"
)

// vectorsMachine says a conversation whose key and nonces are fixed, in bytes: testdata/vectors.txt is what another implementation has to say.
// What it says is read again by the other end, tag and all.
func vectorsMachine() func([]string) string {
	s := secret{key: [32]byte(count(0, 32))}
	s.transfer = TransferID(s.key)
	image := make([]byte, 2500)
	for i := range image {
		image[i] = byte(i % 251)
	}
	m, err := BuildManifest(bytes.NewReader(image), 1<<10)
	if err != nil {
		panic(err)
	}
	frames, talk := vectorFrames(m, image), shakeHands(s)
	return func(words []string) string {
		switch what := words[1]; {
		case words[0] == "image" && what == "digest":
			return m.Digest().String()
		case words[0] == "image":
			return m.Chunks[number(words, 2)].String()
		case what == "id":
			return hex.EncodeToString(s.transfer[:])
		case talk.said[what] != nil:
			return hex.EncodeToString(talk.said[what])
		default:
			return talk.say(words[0], frames[what])
		}
	}
}

// count is the bytes from first on.
func count(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// vector is a frame of the file.
type vector struct {
	kind    kind
	offset  int64
	payload []byte
	again   func([]byte) []byte // reads the payload and encodes what it read
}

func vectorFrames(m *Manifest, image []byte) map[string]vector {
	links := []Link{{"n1", "10.0.0.1:25303"}, {"n2", "10.0.0.2:25303"}}
	news := []numbered{{0, entry{state: Receiving, by: partyOf(headIndex), received: 2048, written: 1024, corrupt: 1}},
		{1, entry{state: Failed, by: partyOf(0), cause: "silent for 2s"}}}
	return map[string]vector{
		"PLAN":     {kindPlan, 0, plan{feeder: headIndex, round: 1764273600000000, head: "10.0.0.9:41000", links: links}.encode(), again(decodePlan)},
		"MANIFEST": {kindManifest, 0, m.Encode(), again(decodeIndex)},
		"open":     {kindManifest, 0, newIndex(1 << 10).encode(), again(decodeIndex)},
		"WANT":     {kindWant, 1024, want{serial: 2, reason: wantCorrupt, known: 2, prefix: digestOf(m.Chunks[:2])}.encode(), again(decodeWant)},
		"DIGESTS":  {kindDigests, 2, encodeDigests(m.Chunks[2:]), nil},
		"START":    {kindStart, 1024, start{serial: 2}.encode(), again(decodeStart)},
		"DATA":     {kindData, 1024, image[1024:1040], nil},
		"STATUS":   {kindStatus, 0, status{full: true, news: news}.encode(), again(decodeStatus)},
		"PING":     {kind: kindPing},
		"END":      {kind: kindEnd, offset: m.Size},
		"SKIP":     {kindSkip, 0, appendText(nil, "its link is slow"), nil},
		"ABORT":    {kindAbort, 0, abort{over: true, cause: "interrupted"}.encode(), again(decodeAbort)},
		"BYE":      {kind: kindBye},
		"REFUSE":   {kindRefuse, 0, refusal{leaves, "its disk is slow"}.encode(), again(decodeRefusal)},
		"JOIN":     {kindJoin, 0, join{whySkipped, "n2", "its link is slow"}.encode(), again(decodeJoin)},
		"ADMIT":    {kindAdmit, 0, admit{true}.encode(), again(decodeAdmit)},
		"range":    {kindWant, 0, want{until: 2048}.encode(), again(decodeWant)},
	}
}

func again[T interface{ encode() []byte }](decode func([]byte) (T, error)) func([]byte) []byte {
	return func(b []byte) []byte {
		v, err := decode(b)
		if err != nil {
			panic(err)
		}
		return v.encode()
	}
}

// conversation is two ends that have shaken hands, and what they said to do so.
type conversation struct {
	dialer, acceptor *wire
	said             map[string][]byte
}

// shakeHands has the two halves of the handshake talk to each other; the dialer's nonce is the bytes 20 to 3f, the acceptor's 40 to 5f.
func shakeHands(s secret) conversation {
	before := rand.Reader
	rand.Reader = bytes.NewReader(count(0x20, 64))
	defer func() { rand.Reader = before }()
	one, other := net.Pipe()
	down, up := &recorder{Conn: one}, &recorder{Conn: other}
	accepted := make(chan *wire, 1)
	go func() {
		w, _, err := acceptHandshake(up, s, true, time.Minute, roleFeed)
		if err != nil {
			panic(err)
		}
		accepted <- w
	}()
	w, _, err := dialHandshake(down, s, roleFeed, time.Minute)
	if err != nil {
		panic(err)
	}
	return conversation{w, <-accepted, map[string][]byte{
		"hello": down.said[:56], "challenge": up.said[:40], "proof": down.said[56:], "answer": up.said[40:]}}
}

// say sends a frame from one end to the other, and returns its header, its payload and its tag.
func (c *conversation) say(from string, v vector) string {
	line := &tape{}
	sender, receiver := c.dialer, c.acceptor
	if from == "acceptor" {
		sender, receiver = receiver, sender
	}
	sender.conn, receiver.conn, receiver.r = line, line, newWire(line).r
	if v.kind == kindData {
		_ = sender.data(v.offset, v.payload)
		b := line.String()
		return fmt.Sprintf("%x %x", b[:headerSize], b[headerSize:])
	}
	if err := sender.control(v.kind, v.offset, v.payload); err != nil {
		panic(err)
	}
	b := line.String()
	h, got, err := receiver.expect(v.kind, time.Minute)
	if err != nil || h.offset != v.offset || !bytes.Equal(got, v.payload) || v.again != nil && !bytes.Equal(v.again(got), got) {
		panic(fmt.Sprintf("%x was read as %+v %x: %v", b, h, got, err))
	}
	tag := len(b) - tagSize
	if v.payload == nil {
		return fmt.Sprintf("%x %x", b[:headerSize], b[tag:])
	}
	return fmt.Sprintf("%x %x %x", b[:headerSize], b[headerSize:tag], b[tag:])
}

// recorder is an end of a connection that keeps what it says.
type recorder struct {
	net.Conn
	said []byte
}

func (r *recorder) Write(p []byte) (int, error) {
	r.said = append(r.said, p...)
	return r.Conn.Write(p)
}

// tape is a connection that gives back what is said on it.
type tape struct {
	script
	bytes.Buffer
}

func (t *tape) Read(p []byte) (int, error)  { return t.Buffer.Read(p) }
func (t *tape) Write(p []byte) (int, error) { return t.Buffer.Write(p) }

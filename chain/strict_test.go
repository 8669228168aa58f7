package chain

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// A peer that has the key and sets a byte that the document has as zero, or a flag that is none, is no peer of this version:
// docs/chain-protocol.md, "Handshake".
func TestTheHandshakeHasNoSpareBits(t *testing.T) {
	s := secret{transfer: [16]byte{1}, key: [32]byte{2}}
	for name, c := range map[string]struct {
		hello, challenge int // the byte to set to 1; 0: none
		flag             byte
		want             string
	}{
		"nothing is changed":       {},
		"the answer's flag is set": {flag: 1},
		"byte 6 of the hello":      {hello: 6, want: "malformed hello"},
		"byte 7 of the hello":      {hello: 7, want: "malformed hello"},
		"byte 5 of the challenge":  {challenge: 5, want: "malformed challenge"},
		"byte 6 of the challenge":  {challenge: 6, want: "malformed challenge"},
		"byte 7 of the challenge":  {challenge: 7, want: "malformed challenge"},
		"a flag of 2":              {flag: 2, want: "malformed answer"},
		"a flag with every bit":    {flag: 255, want: "malformed answer"},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			got := make(chan error, 1)
			var err error
			if c.hello > 0 {
				go func() {
					_, _, err := acceptHandshake(ours, s, false, time.Second, roleFeed)
					ours.Close()
					got <- err
				}()
				err = sayHello(theirs, s, c.hello)
			} else {
				go func() {
					_, _, err := dialHandshake(ours, s, roleFeed, time.Second)
					ours.Close()
					got <- err
				}()
				err = answerHello(theirs, s, c.challenge, c.flag)
			}
			switch heard := <-got; {
			case c.want == "" && (heard != nil || err != nil):
				t.Errorf("refused: %v, %v", heard, err)
			case c.want != "" && (heard == nil || !strings.Contains(heard.Error(), c.want)):
				t.Errorf("heard %v, want %s", heard, c.want)
			}
		})
	}
}

// sayHello shakes hands as a dialer that sets a byte of its hello.
func sayHello(conn net.Conn, s secret, at int) error {
	var h hello
	copy(h[:], magic)
	h[4], h[5], h[at] = version, byte(roleFeed), 1
	copy(h[8:], s.transfer[:])
	var c challenge
	if _, err := conn.Write(h[:]); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, c[:]); err != nil {
		return err
	}
	proof := mac(s.key, "dialer proof", h[:], c[:], nil)
	_, err := conn.Write(proof[:])
	_, last := io.ReadAll(conn)
	return errors.Join(err, last)
}

// answerHello shakes hands as an acceptor that sets a byte of its challenge, unless at is 0, and answers with a flag.
func answerHello(conn net.Conn, s secret, at int, flag byte) error {
	var h hello
	if _, err := io.ReadFull(conn, h[:]); err != nil {
		return err
	}
	var c challenge
	copy(c[:], magic)
	c[4] = version
	if at > 0 {
		c[at] = 1
	}
	if _, err := conn.Write(c[:]); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, make([]byte, 32)); err != nil {
		return err
	}
	mine := mac(s.key, "acceptor proof", h[:], c[:], []byte{flag}, nil)
	_, err := conn.Write(append([]byte{flag}, mine[:]...))
	return err
}

// What has no payload and no place is refused with one: docs/chain-protocol.md, "Frames".
func TestFramesHaveNoSpareBits(t *testing.T) {
	for _, k := range []kind{kindPing, kindBye, kindEnd} {
		if _, err := decodeHeader(header{kind: k, length: 1}.encode()); err == nil {
			t.Errorf("kind %d was taken with a payload", k)
		}
	}
	for _, k := range []kind{kindPlan, kindManifest, kindPing, kindBye, kindAbort, kindSkip, kindAdmit, kindStatus, kindRefuse, kindJoin} {
		if _, err := decodeHeader(header{kind: k, offset: 1}.encode()); err == nil {
			t.Errorf("kind %d was taken at an offset", k)
		}
	}
}

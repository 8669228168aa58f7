package console

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"
)

// What the two ends say: a kind, the length of the payload in two bytes (big endian), the payload.
const (
	kindData   = 'd' // bytes of the console; what the user types
	kindNotice = 'n' // a line for the user, from the server
	kindEnd    = 'e' // the server's last word: why
	kindClaim  = 'w' // the user asks to write
	kindPing   = 'p' // nothing: the end that says it is alive
)

// protocol is what the connection is upgraded to.
const protocol = "kadeploy-console/1"

// maxPayload bounds a frame.
const maxPayload = 16 << 10

// An end that hears nothing for silence takes the other for dead; each says something every pingTime.
const (
	pingTime = 10 * time.Second
	silence  = 3 * pingTime
)

type frame struct {
	kind    byte
	payload []byte
}

// write writes a frame, data of any length as several.
func (f frame) write(w io.Writer) error {
	if f.kind != kindData {
		f.payload = f.payload[:min(len(f.payload), maxPayload)]
	}
	for first := true; first || len(f.payload) > 0; first = false {
		part := f.payload[:min(len(f.payload), maxPayload)]
		f.payload = f.payload[len(part):]
		if _, err := w.Write(slices.Concat([]byte{f.kind}, binary.BigEndian.AppendUint16(nil, uint16(len(part))), part)); err != nil {
			return err
		}
	}
	return nil
}

func readFrame(r io.Reader) (frame, error) {
	var head [3]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	n := binary.BigEndian.Uint16(head[1:])
	if n > maxPayload {
		return frame{}, fmt.Errorf("a frame of %d bytes; at most %d are taken", n, maxPayload)
	}
	f := frame{head[0], make([]byte, n)}
	_, err := io.ReadFull(r, f.payload)
	return f, err
}

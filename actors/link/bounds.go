package link

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Bounds of one message of the link as encoded. Decoded it then takes about the room that it took encoded: without them two bytes
// become an envelope of more than a hundred, a few hundred thousand times.
const (
	maxItems     = 64      // of each list of a batch; this package sends at most batchSize
	maxHeaders   = 4 << 10 // bytes of the headers of an envelope, which are thrown away
	maxHandshake = 1 << 10
	maxID        = 512 // bytes of the id of an actor
)

// The numbers of the fields in remote.proto.
const (
	fieldBatch     = 1
	fieldEnvelope  = 3
	fieldHeaders   = 6
	batchFields    = 4
	envelopeFields = 8
)

var errEncoding = errors.New("bytes that are no message of the link")

// bounded reads the frame of a message without decoding it.
func bounded(raw []byte) error {
	found := 0
	return eachField(raw, func(number protowire.Number, value []byte) error {
		if found++; found > 1 {
			return errors.New("several messages in one")
		}
		if number == fieldBatch {
			return boundedBatch(value)
		}
		if len(value) > maxHandshake {
			return fmt.Errorf("a handshake of %d bytes", len(value))
		}
		return nil
	})
}

func boundedBatch(batch []byte) error {
	var items [batchFields + 1]int
	return eachField(batch, func(number protowire.Number, value []byte) error {
		if number > batchFields {
			return errEncoding
		}
		if items[number]++; items[number] > maxItems {
			return fmt.Errorf("a batch of more than %d items", maxItems)
		}
		if number == fieldEnvelope {
			return boundedEnvelope(value)
		}
		return nil
	})
}

func boundedEnvelope(envelope []byte) error {
	headers := 0
	return eachField(envelope, func(number protowire.Number, value []byte) error {
		if number > envelopeFields {
			return errEncoding
		}
		if number == fieldHeaders {
			headers += len(value)
		}
		if headers > maxHeaders {
			return fmt.Errorf("headers of more than %d bytes", maxHeaders)
		}
		return nil
	})
}

// eachField calls fn with every field of an encoded message until it fails. value is nil for numbers; groups, which nothing
// here has, are refused.
func eachField(b []byte, fn func(number protowire.Number, value []byte) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 || kind == protowire.StartGroupType || kind == protowire.EndGroupType {
			return errEncoding
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(number, kind, b); n < 0 {
			return errEncoding
		}
		var value []byte
		if kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(b)
		}
		if err := fn(number, value); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

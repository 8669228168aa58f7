package chain

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/zeebo/blake3"
)

// DefaultChunkSize is the unit of verification when the caller names none.
const DefaultChunkSize = 1 << 20

// Bounds of a manifest; its encoding is at most 32 MiB.
const (
	minChunkSize = 1 << 10
	maxChunkSize = 64 << 20
	maxChunks    = 1 << 20
)

const (
	manifestMagic  = "KDMF\x01\x00\x00\x00"
	manifestHeader = len(manifestMagic) + 8 + 4
)

// Digest is a BLAKE3-256 hash.
type Digest [32]byte

func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Manifest says what an image is: its size in bytes and the digest of each chunk. Every chunk is ChunkSize bytes long but the last.
// It is made once per image and never changed.
type Manifest struct {
	Size      int64
	ChunkSize int
	Chunks    []Digest
}

// BuildManifest reads r to its end. A chunkSize of 0 means DefaultChunkSize.
func BuildManifest(r io.Reader, chunkSize int) (*Manifest, error) {
	if chunkSize == 0 {
		chunkSize = DefaultChunkSize
	}
	if chunkSize < minChunkSize || chunkSize > maxChunkSize {
		return nil, fmt.Errorf("build manifest: chunk size %d is outside %d to %d", chunkSize, minChunkSize, maxChunkSize)
	}
	m := &Manifest{ChunkSize: chunkSize}
	buf := make([]byte, chunkSize)
	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			if len(m.Chunks) == maxChunks {
				return nil, fmt.Errorf("build manifest: more than %d chunks of %d bytes: use larger chunks", maxChunks, chunkSize)
			}
			m.Chunks = append(m.Chunks, blake3.Sum256(buf[:n]))
			m.Size += int64(n)
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return m, nil
		default:
			return nil, fmt.Errorf("build manifest at byte %d: %w", m.Size, err)
		}
	}
}

// Encode returns the one encoding of m (docs/chain-protocol.md, "Manifest").
func (m *Manifest) Encode() []byte {
	b := make([]byte, 0, manifestHeader+len(m.Chunks)*len(Digest{}))
	b = append(b, manifestMagic...)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Size))
	b = binary.BigEndian.AppendUint32(b, uint32(m.ChunkSize))
	for _, c := range m.Chunks {
		b = append(b, c[:]...)
	}
	return b
}

// DecodeManifest is the inverse of Encode. It accepts no other encoding of the same manifest.
func DecodeManifest(b []byte) (*Manifest, error) {
	if len(b) < manifestHeader || string(b[:len(manifestMagic)]) != manifestMagic {
		return nil, errors.New("decode manifest: not a manifest of version 1")
	}
	size := binary.BigEndian.Uint64(b[8:])
	chunk := binary.BigEndian.Uint32(b[16:])
	if chunk < minChunkSize || chunk > maxChunkSize {
		return nil, fmt.Errorf("decode manifest: chunk size %d is outside %d to %d", chunk, minChunkSize, maxChunkSize)
	}
	if size > uint64(chunk)*maxChunks {
		return nil, fmt.Errorf("decode manifest: %d bytes are more than %d chunks", size, maxChunks)
	}
	count := (size + uint64(chunk) - 1) / uint64(chunk)
	digests := b[manifestHeader:]
	if uint64(len(digests)) != count*32 {
		return nil, fmt.Errorf("decode manifest: %d bytes of digests, want %d", len(digests), count*32)
	}
	m := &Manifest{Size: int64(size), ChunkSize: int(chunk), Chunks: make([]Digest, count)}
	for i := range m.Chunks {
		copy(m.Chunks[i][:], digests[i*32:])
	}
	return m, nil
}

// Digest is the hash of the encoding: the identity of the image.
func (m *Manifest) Digest() Digest { return blake3.Sum256(m.Encode()) }

// check reports whether m was built by hand and wrongly.
func (m *Manifest) check() error {
	if m == nil {
		return errors.New("no manifest")
	}
	_, err := DecodeManifest(m.Encode())
	return err
}

package agent

import "io"

// Ahead is the most that is read of a stream before anybody asks for it.
const Ahead = pieceSize * (maxPieces + 1)

// ReadAhead reads r ahead until stop.
func ReadAhead(r io.Reader) (ahead io.Reader, stop func()) {
	a := readAhead(r)
	return a, a.stop
}

// Unpack decompresses r for a consumer without statistics.
func Unpack(compression string, r io.Reader, refuse func(error), consume func(io.Reader) error) error {
	_, err := unpack(compression, r, refuse, func(in compressed) (stats, error) { return stats{}, consume(in) })
	return err
}

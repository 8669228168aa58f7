package depot

import (
	"context"
	"crypto/sha256"
	"io"
	"os"
)

// Sum reads a file from its start to its end. progress may be nil; it is told the bytes read and the size at the start.
func Sum(ctx context.Context, f *os.File, progress func(done, total int64)) (digest Digest, size int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return digest, 0, err
	}
	sum, buffer := sha256.New(), make([]byte, 1<<20)
	for r := io.NewSectionReader(f, 0, 1<<62); ctx.Err() == nil; {
		n, err := r.Read(buffer)
		sum.Write(buffer[:n])
		size += int64(n)
		if progress != nil && n > 0 {
			progress(size, max(size, info.Size()))
		}
		switch {
		case err == io.EOF:
			sum.Sum(digest[:0])
			return digest, size, nil
		case err != nil:
			return digest, size, err
		}
	}
	return digest, size, context.Cause(ctx)
}

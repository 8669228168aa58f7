package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// image is a file that no compression makes smaller.
type image struct {
	path string
	size int64
	sum  [sha256.Size]byte
}

func makeImage(dir string, size int64) (*image, error) {
	img := &image{path: filepath.Join(dir, fmt.Sprintf("image-%d", size)), size: size}
	f, err := os.Create(img.path)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	if _, err = io.CopyN(io.MultiWriter(f, h), rand.NewChaCha8([32]byte{1}), size); err == nil {
		err = f.Close()
	}
	h.Sum(img.sum[:0])
	return img, err
}

// isCopy says if the file holds the image, by its SHA-256.
func (img *image) isCopy(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return err == nil && n == img.size && [sha256.Size]byte(h.Sum(nil)) == img.sum
}

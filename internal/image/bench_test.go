package image_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/kadeploy/kadeploy/internal/demoimage"
	"github.com/kadeploy/kadeploy/internal/image"
)

// BenchmarkPrepare reads the demonstration's image: the first time whole, then by its record.
func BenchmarkPrepare(b *testing.B) {
	path := filepath.Join(b.TempDir(), "debian.tar.zst")
	if _, _, err := demoimage.Make(path, ""); err != nil {
		b.Fatal(err)
	}
	prepare := func(b *testing.B, dir string) {
		c, err := image.New(image.Config{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		img, err := c.Prepare(context.Background(), tarImage(path, "zstd"), nil)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(img.Size)
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			prepare(b, b.TempDir())
		}
	})
	b.Run("again", func(b *testing.B) {
		dir := b.TempDir()
		prepare(b, dir)
		for b.Loop() {
			prepare(b, dir)
		}
	})
}

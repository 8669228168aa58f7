// Mkimage writes the files of the demonstration: the image of a small system, a deployment system's kernel and initrd,
// a pre- and a post-install. It writes and says nothing when they are there already.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/kadeploy/kadeploy/internal/demoimage"
)

func main() {
	image := flag.String("o", "testdata/demo/images/debian.tar.zst", "the image; its name ends in .tar, .tar.gz, .tar.xz or .tar.zst; the other files go beside it")
	force := flag.Bool("f", false, "write the files even when they are up to date")
	flag.Parse()
	if err := run(*image, *force); err != nil {
		fmt.Fprintln(os.Stderr, "mkimage:", err)
		os.Exit(1)
	}
}

func run(image string, force bool) error {
	version := ""
	if !force {
		var err error
		if version, err = self(); err != nil {
			return err
		}
	}
	outputs, made, err := demoimage.Make(image, version)
	if err != nil {
		return err
	}
	if !made { // said by a build each time, it would only be noise
		return nil
	}
	for _, o := range outputs {
		fmt.Printf("wrote %s %.1f MB sha256 %s\n", o.Path, float64(o.Size)/1e6, o.SHA256)
	}
	return nil
}

// self is the digest of this program. Seeds are part of it, so what it writes depends on nothing else.
func self() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read this program: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read this program: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

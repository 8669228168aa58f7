package labimage

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/lab"
)

// CacheDir is where images are kept: KADEPLOY_LAB_CACHE, else a directory of the user's cache.
func CacheDir() (string, error) {
	if dir := os.Getenv("KADEPLOY_LAB_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "kadeploy-lab"), err
}

// cached returns the path of a file that make writes. Its name carries the digest of the ingredients: what was made of the
// same ones is taken as it is. A file appears whole or not at all. When one is made, those of its name that nobody has used for a week leave.
func cached(name string, ingredients []string, make func(path string) error) (string, error) {
	dir, err := CacheDir()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	base, suffix, _ := strings.Cut(name, ".")
	path := strings.TrimSuffix(filepath.Join(dir, base+"-"+digest(ingredients)+"."+suffix), ".")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		_ = os.Chtimes(path, time.Time{}, time.Now()) // it is used; that it may be somebody else's is no harm
		return path, err
	}
	prune(filepath.Join(dir, base) + "-")
	draft := filepath.Join(dir, fmt.Sprintf(".new-%d-%s", os.Getpid(), name))
	defer os.RemoveAll(draft)
	if err := make(draft); err != nil {
		return "", fmt.Errorf("make the image %s: %w", name, err)
	}
	err = os.Rename(draft, path)
	if errors.Is(err, fs.ErrExist) { // a directory, which another process was faster to make
		err = nil
	}
	return path, err
}

// prune removes what was made under a name, up to its digest, and not used for a week. What cannot be removed stays.
func prune(name string) {
	const week = 7 * 24 * time.Hour
	found, _ := filepath.Glob(name + strings.Repeat("[0-9a-f]", 2*digestSize) + "*")
	for _, path := range found {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > week {
			_ = os.RemoveAll(path)
		}
	}
}

// MadeFrom returns the directory that is made from files, from the cache when none of them has changed since.
func MadeFrom(name string, files []string, make func(dir string) error) (string, error) {
	var ingredients []string
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			return "", err
		}
		ingredients = append(ingredients, string(content))
	}
	return cached(name, ingredients, make)
}

const digestSize = 8 // bytes

func digest(ingredients []string) string {
	h := sha256.New()
	for _, i := range ingredients {
		fmt.Fprintf(h, "%d\n%s\n", len(i), i)
	}
	return hex.EncodeToString(h.Sum(nil)[:digestSize])
}

// recipe is what the tiny system is made of: this package's scripts and lists, busybox and the kernel.
func recipe(k lab.Kernel) ([]string, error) {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(busybox)
	if err != nil {
		return nil, err
	}
	ingredients := []string{string(content), k.Version, strings.Join(applets, " "), strings.Join(wanted, " "), strings.Join(hardware, " ")}
	entries, err := seeds.ReadDir("seed")
	for _, e := range entries {
		text, readErr := seeds.ReadFile("seed/" + e.Name())
		ingredients, err = append(ingredients, string(text)), errors.Join(err, readErr)
	}
	return ingredients, err
}

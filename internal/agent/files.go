package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/rooted"
	"github.com/kadeploy/kadeploy/internal/phonehome"
)

const (
	maxKeys  = 1 << 20 // bytes of an authorized_keys file
	maxPaths = 64      // of one CheckFiles
)

// checkFiles says which of the files do not exist in the system below root (Kadeploy3 check_kernel_files).
func checkFiles(m machine.Storage, k *agentpb.CheckFiles) error {
	if len(k.Paths) > maxPaths {
		return fmt.Errorf("check files: %d paths, more than %d", len(k.Paths), maxPaths)
	}
	root, err := openRoot(m, k.Root)
	if err != nil {
		return fmt.Errorf("check files: %w", err)
	}
	defer root.Close()
	var wrong []string
	for _, p := range k.Paths {
		info, err := rooted.Stat(root, p)
		switch {
		case errors.Is(err, os.ErrNotExist):
			wrong = append(wrong, p+" does not exist")
		case err != nil:
			wrong = append(wrong, fmt.Sprintf("%s: %v", p, err))
		case !info.Mode().IsRegular():
			wrong = append(wrong, p+" is no regular file")
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("in the deployed image, %s", strings.Join(wrong, "; "))
	}
	return nil
}

func openRoot(m machine.Storage, dir string) (*os.Root, error) {
	tree, err := m.Tree(dir)
	if err != nil {
		return nil, err
	}
	return os.OpenRoot(tree.Path)
}

// installKey adds the keys that are not there yet to root's of the system below k.Root. The file is replaced at once, so
// that a half-done try leaves the old one.
func installKey(m machine.Storage, k *agentpb.InstallKey) error {
	root, err := openRoot(m, k.Root)
	if err != nil {
		return fmt.Errorf("install key: %w", err)
	}
	defer root.Close()
	if err := appendKeys(root, k.Keys); err != nil {
		return fmt.Errorf("install key in %s/root/.ssh: %w", k.Root, err)
	}
	return nil
}

// phoneHome lays what the deployed system says when it is up into it.
func phoneHome(m machine.Storage, k *agentpb.PhoneHome) error {
	root, err := openRoot(m, k.Root)
	if err != nil {
		return fmt.Errorf("phone home: %w", err)
	}
	defer root.Close()
	if err := phonehome.Install(root, phonehome.Note{URL: k.Url, Token: k.Token, Digest: k.Digest}); err != nil {
		return fmt.Errorf("phone home: %w", err)
	}
	return nil
}

func appendKeys(root *os.Root, keys []byte) error {
	home, err := rooted.MakeDir(root, "/root", 0o700)
	if err != nil {
		return err
	}
	dir, err := rooted.MakeDir(root, "/"+home+"/.ssh", 0o700)
	if err != nil {
		return err
	}
	if err := root.Chmod(dir, 0o700); err != nil {
		return err
	}
	file, err := rooted.Resolve(root, "/"+path.Join(dir, "authorized_keys"))
	if err != nil {
		return err
	}
	there, err := readBounded(root, file)
	if err != nil {
		return err
	}
	return rooted.Replace(root, file, merge(there, keys), 0o600)
}

func readBounded(root *os.Root, file string) ([]byte, error) {
	info, err := root.Lstat(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", file)
	}
	if err != nil {
		return nil, err
	}
	f, err := root.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeys+1))
	if err == nil && len(text) > maxKeys {
		err = fmt.Errorf("%s is larger than %d bytes", file, maxKeys)
	}
	return text, err
}

// merge appends the lines that are missing; blank ones are left out.
func merge(there, more []byte) []byte {
	have := make(map[string]bool)
	for line := range bytes.Lines(there) {
		have[string(bytes.TrimSpace(line))] = true
	}
	if n := len(there); n > 0 && there[n-1] != '\n' {
		there = append(there, '\n')
	}
	for line := range bytes.Lines(more) {
		key := string(bytes.TrimSpace(line))
		if key == "" || have[key] {
			continue
		}
		have[key] = true
		there = append(append(there, key...), '\n')
	}
	return there
}

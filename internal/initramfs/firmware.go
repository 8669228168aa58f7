package initramfs

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

const firmwareDir = "/lib/firmware"

// firmwareOf lists the files that a module may have its hardware load (MODULE_FIRMWARE), below firmwareDir.
func firmwareOf(module []byte) []string {
	f, err := elf.NewFile(bytes.NewReader(module))
	if err != nil {
		return nil
	}
	section := f.Section(".modinfo")
	if section == nil {
		return nil
	}
	data, err := section.Data()
	if err != nil {
		return nil
	}
	var names []string
	for field := range bytes.SplitSeq(data, []byte{0}) {
		if name, ok := strings.CutPrefix(string(field), "firmware="); ok && fs.ValidPath(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// addFirmware puts what there is of a module's firmware into the tree and says how many files there are not.
func (s *system) addFirmware(t *Tree, names []string) (missing int, err error) {
	for _, name := range names {
		place := path.Join(firmwareDir, name)
		data, err := s.readFirmware(place)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing++
		case err != nil:
			return 0, fmt.Errorf("firmware: %w", err)
		default:
			t.File(place, 0o644, data)
		}
	}
	return missing, nil
}

// readFirmware reads a file that may be compressed, as modules may be.
func (s *system) readFirmware(place string) ([]byte, error) {
	data, err := inflate(s.at(place))
	for _, ending := range []string{".xz", ".zst"} {
		if errors.Is(err, fs.ErrNotExist) {
			data, err = inflate(s.at(place + ending))
		}
	}
	return data, err
}

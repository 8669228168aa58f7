package initramfs

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// kernelVersion reads which kernel a file is: of a bzImage its header says so (Documentation/arch/x86/boot.rst, kernel_version), of
// others the name, vmlinuz-VERSION.
func kernelVersion(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("the kernel: %w", err)
	}
	defer f.Close()
	head := make([]byte, 64<<10)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.ErrUnexpectedEOF {
		return "", fmt.Errorf("the kernel: %s: %w", file, err)
	}
	if head = head[:n]; n > 0x210 && string(head[0x202:0x206]) == "HdrS" {
		if at := 0x200 + int(binary.LittleEndian.Uint16(head[0x20e:])); at < n {
			text, _, _ := strings.Cut(string(head[at:min(at+256, n)]), "\x00")
			if words := strings.Fields(text); len(words) > 0 {
				return words[0], nil
			}
		}
	}
	version, ok := strings.CutPrefix(filepath.Base(file), "vmlinuz-")
	if !ok {
		return "", fmt.Errorf("the kernel: %s: neither its content nor its name (vmlinuz-VERSION) says its version", file)
	}
	return version, nil
}

// compareVersions orders texts as people do: numbers in them count as numbers.
func compareVersions(a, b string) int {
	for a != "" && b != "" {
		x, restA := chunk(a)
		y, restB := chunk(b)
		m, errM := strconv.ParseUint(x, 10, 64)
		n, errN := strconv.ParseUint(y, 10, 64)
		c := strings.Compare(x, y)
		if errM == nil && errN == nil {
			c = cmp.Compare(m, n)
		}
		if c != 0 {
			return c
		}
		a, b = restA, restB
	}
	return cmp.Compare(len(a), len(b))
}

// chunk splits off a number, or what is before the next one.
func chunk(s string) (first, rest string) {
	digit := func(r byte) bool { return '0' <= r && r <= '9' }
	i := 1
	for i < len(s) && digit(s[i]) == digit(s[0]) {
		i++
	}
	return s[:i], s[i:]
}

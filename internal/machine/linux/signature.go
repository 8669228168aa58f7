package linux

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// signature is what the first bytes of a device say of its content.
type signature struct {
	kind  string // ext4, xfs, btrfs, vfat, swap, lvm, md, luks; "": nothing that is known here
	label string
	uuid  string
}

// probed is how many bytes hold all the signatures below; btrfs's begins at 64 KiB.
const probed = 68 << 10

// signatureOf reads a device.
func signatureOf(b block) (signature, error) {
	f, err := os.Open(b.path)
	if err != nil {
		return signature{}, err
	}
	defer f.Close()
	head := make([]byte, probed)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return signature{}, err
	}
	return readSignature(head[:n]), nil
}

// readSignature knows superblocks by their magic numbers (the file systems' own documentation; libblkid looks at the same places).
func readSignature(head []byte) signature {
	head = append(head, make([]byte, probed-min(len(head), probed))...)
	at := func(offset int, magic string) bool { return bytes.HasPrefix(head[offset:], []byte(magic)) }
	text := func(offset, size int) string {
		line, _, _ := bytes.Cut(head[offset:offset+size], []byte{0})
		return strings.TrimSpace(strings.ToValidUTF8(string(line), "?"))
	}
	switch {
	case at(0, "LUKS\xba\xbe"):
		return signature{kind: "luks", uuid: text(168, 40)}
	case at(0, "XFSB"):
		return signature{"xfs", text(108, 12), uuid(head[32:])}
	case at(0x10040, "_BHRfS_M"):
		return signature{"btrfs", text(0x1012b, 256), uuid(head[0x10020:])}
	case at(0x438, "\x53\xef"):
		return signature{extKind(head), text(0x478, 16), uuid(head[0x468:])}
	case at(4086, "SWAPSPACE2"):
		return signature{"swap", text(1052, 16), uuid(head[1036:])}
	case at(512, "LABELONE") && at(536, "LVM2 001"):
		return signature{kind: "lvm"}
	case at(0, "\xfc\x4e\x2b\xa9"), at(4096, "\xfc\x4e\x2b\xa9"):
		return signature{kind: "md"}
	case at(510, "\x55\xaa") && at(82, "FAT32   "):
		return signature{"vfat", fatLabel(text(71, 11)), fatSerial(head[67:])}
	case at(510, "\x55\xaa") && at(54, "FAT1"):
		return signature{"vfat", fatLabel(text(43, 11)), fatSerial(head[39:])}
	}
	return signature{}
}

// extKind tells the three apart by the features that only the later have: a journal, extents or 64-bit block numbers.
func extKind(head []byte) string {
	const hasJournal, extents, bits64, flexGroups = 0x4, 0x40, 0x80, 0x200
	compatible, incompatible := binary.LittleEndian.Uint32(head[0x45c:]), binary.LittleEndian.Uint32(head[0x460:])
	switch {
	case incompatible&(extents|bits64|flexGroups) != 0:
		return "ext4"
	case compatible&hasJournal != 0:
		return "ext3"
	}
	return "ext2"
}

func uuid(b []byte) string {
	h := hex.EncodeToString(b[:16])
	return fmt.Sprintf("%s-%s-%s-%s-%s", h[:8], h[8:12], h[12:16], h[16:20], h[20:])
}

func fatSerial(b []byte) string {
	n := binary.LittleEndian.Uint32(b)
	return fmt.Sprintf("%04X-%04X", n>>16, n&0xffff)
}

func fatLabel(text string) string {
	if text == "NO NAME" {
		return ""
	}
	return text
}

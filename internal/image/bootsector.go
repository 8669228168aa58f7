package image

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/kadeploy/kadeploy/internal/compress"
)

// sectorSize is that of a boot sector, bytes.
const sectorSize = 512

// CheckBootSector refuses a raw image whose first sector has no mark of a boot sector at its end: GRUB does not start such a one, and PXELINUX
// would run whatever its bytes are.
func CheckBootSector(img *Image) error {
	f, err := img.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	plain, err := compress.Open(img.Compression, bufio.NewReader(f))
	if err != nil {
		return fmt.Errorf("image %s: %w", img.Name(), err)
	}
	defer plain.Close()
	sector := make([]byte, sectorSize)
	_, err = io.ReadFull(plain, sector)
	switch {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("image %s: %w", img.Name(), err)
	case sector[sectorSize-2] != 0x55 || sector[sectorSize-1] != 0xaa:
		return fmt.Errorf("image %s cannot be started: its first %d bytes are no boot sector, which ends with 55 AA", img.Name(), sectorSize)
	}
	return nil
}

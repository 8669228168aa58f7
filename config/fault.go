package config

import "time"

// Boots is the argument of boot-fails.
func (f Fault) Boots() (int, error) { return parseInt(f.Arg, 1, 1000) }

// Size is the argument of disk-full, in bytes.
func (f Fault) Size() (int64, error) { return parseSize(f.Arg, 1) }

// Rate is the argument of slow-disk, in bytes a second.
func (f Fault) Rate() (int64, error) {
	n, err := parseSize(f.Arg, 1)
	if err == nil && n < minDiskRate {
		err = faultf(0, "%d bytes a second is less than 64KiB", n)
	}
	return n, err
}

// minDiskRate is the slowest disk: nothing stops a write that has begun, which would take minutes with a slower one.
const minDiskRate = 64 << 10

// Delay is the argument of slow-boot.
func (f Fault) Delay() (time.Duration, error) { return parseSeconds(f.Arg) }

package config

import "time"

// Boots is the argument of boot-fails.
func (f Fault) Boots() (int, error) { return parseInt(f.Arg, 1, 1000) }

// Size is the argument of disk-full, in bytes.
func (f Fault) Size() (int64, error) { return parseSize(f.Arg, 1) }

// Delay is the argument of slow-boot.
func (f Fault) Delay() (time.Duration, error) { return parseSeconds(f.Arg) }

package disklayout

import (
	"fmt"
	"strconv"
	"strings"
)

// Size is how large a part is to be: so many bytes, or a share of what holds it. The zero value is the rest.
type Size struct {
	Bytes   int64 `json:"bytes,omitempty"` // a multiple of 1 MiB
	Percent int   `json:"percent,omitempty"`
}

const (
	mib     = 1 << 20
	maxSize = 1 << 60 // bytes, of a disk that nobody has
)

// ParseSize reads 512MiB, 20GiB, 1TiB, 25% or rest.
func ParseSize(text string) (Size, error) {
	if text == "rest" {
		return Size{}, nil
	}
	if number, ok := strings.CutSuffix(text, "%"); ok {
		percent, err := strconv.Atoi(number)
		if err != nil || percent < 1 || percent > 100 {
			return Size{}, fmt.Errorf("size %q: want 1%% to 100%%", text)
		}
		return Size{Percent: percent}, nil
	}
	for unit, bytes := range map[string]int64{"MiB": mib, "GiB": mib << 10, "TiB": mib << 20} {
		number, ok := strings.CutSuffix(text, unit)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || n < 1 || n > maxSize/bytes {
			return Size{}, fmt.Errorf("size %q: want a whole number before %s", text, unit)
		}
		return Size{Bytes: n * bytes}, nil
	}
	return Size{}, fmt.Errorf("size %q: want a number with MiB, GiB or TiB, a share such as 25%%, or rest", text)
}

// Rest says whether the part takes what the others leave.
func (s Size) Rest() bool { return s == Size{} }

// valid says whether ParseSize could have made it.
func (s Size) valid() bool {
	return s.Bytes >= 0 && s.Bytes%mib == 0 && s.Bytes <= maxSize && s.Percent >= 0 && s.Percent <= 100 && (s.Bytes == 0 || s.Percent == 0)
}

// of is the size in bytes within a whole, a multiple of 1 MiB; 0 for the rest.
func (s Size) of(whole int64) int64 {
	if s.Percent > 0 {
		return whole / 100 * int64(s.Percent) / mib * mib
	}
	return s.Bytes
}

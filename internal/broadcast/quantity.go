package broadcast

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ParseSize reads a number of bytes: 4096, 64K, 1.5G; the units are powers of 1024, and B or iB may follow them.
func ParseSize(text string) (int64, error) {
	number, unit := strings.TrimSpace(text), 1.0
	number = strings.TrimSuffix(strings.TrimSuffix(number, "B"), "i")
	if n := len(number); n > 0 {
		if power := strings.IndexByte("KMGT", number[n-1]&^0x20); power >= 0 {
			number, unit = number[:n-1], math.Pow(1024, float64(power+1))
		}
	}
	return quantity(text, number, unit, "a size such as 64M (K, M, G and T are powers of 1024)")
}

// ParseRate reads bytes per second: a size such as 100M, or bits such as 800Mbit, 10Gbit (powers of 1000).
func ParseRate(text string) (int64, error) {
	const want = "bytes per second such as 100M, or bits such as 800Mbit"
	number, isBits := strings.CutSuffix(strings.TrimSpace(text), "bit")
	if !isBits {
		n, err := ParseSize(strings.TrimSuffix(strings.TrimSpace(text), "/s"))
		if err != nil {
			return 0, fmt.Errorf("%q: want %s", text, want)
		}
		return n, nil
	}
	unit := 1.0 / 8
	if n := len(number); n > 0 {
		if power := strings.IndexByte("KMGT", number[n-1]&^0x20); power >= 0 {
			number, unit = number[:n-1], math.Pow(1000, float64(power+1))/8
		}
	}
	return quantity(text, number, unit, want)
}

// quantity is a positive number of units that fits.
func quantity(text, number string, unit float64, want string) (int64, error) {
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !(n*unit >= 1) || n*unit > math.MaxInt64/2 {
		return 0, fmt.Errorf("%q: want %s", text, want)
	}
	return int64(n * unit), nil
}

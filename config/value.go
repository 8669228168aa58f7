package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// value is what a file says of a key: the text of the classic syntax, or the items of an HCL list or object.
type value struct {
	text   string
	items  []string
	isList bool
	group  string // of an HCL command block: the file of node groups
}

func (v value) String() string {
	if v.isList {
		return strings.Join(v.items, ",")
	}
	return v.text
}

// item is one element of a list, and where it starts in the text.
type item struct {
	text   string
	offset int
}

// list returns the trimmed items between separators; an empty value has none.
func (v value) list(separator string) []item {
	var list []item
	if v.isList {
		for _, text := range v.items {
			list = append(list, item{text, 0})
		}
		return list
	}
	if strings.TrimSpace(v.text) == "" {
		return nil
	}
	offset := 0
	for _, text := range strings.Split(v.text, separator) {
		blanks := len(text) - len(strings.TrimLeft(text, " \t"))
		list = append(list, item{strings.TrimSpace(text), offset + blanks})
		offset += len(text) + len(separator)
	}
	return list
}

// at moves a fault of an item to the item's place in the whole value.
func (i item) at(err error) error {
	f, ok := err.(*fault)
	if !ok {
		f = faultf(0, "%v", err)
	}
	return &fault{offset: f.offset + i.offset, msg: f.msg, hint: f.hint}
}

// singleLine refuses control characters: values end in boot profiles, where a line break begins a new directive.
func singleLine(text string) error {
	for i, r := range text {
		if unicode.IsControl(r) && r != '\t' {
			return faultf(i, "control character %U", r)
		}
	}
	return nil
}

func parseBool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "on":
		return true, nil
	case "false", "no", "off":
		return false, nil
	}
	return false, faultf(0, "%q is neither true nor false", text)
}

func parseInt(text string, least, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, faultf(0, "%q is not a whole number", text)
	}
	if n < least || n > most {
		return 0, faultf(0, "%d is not between %d and %d", n, least, most)
	}
	return n, nil
}

// maxSeconds is a year: longer times are typing errors.
const maxSeconds = 365 * 24 * 3600

// parseSeconds reads seconds with decimals (0.3) or a Go duration (300ms).
func parseSeconds(text string) (time.Duration, error) {
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0, &fault{msg: fmt.Sprintf("%q is not a time", text), hint: "write seconds (0.3) or a duration (300ms)"}
		}
		seconds = d.Seconds()
	}
	return secondsOf(seconds)
}

func secondsOf(seconds float64) (time.Duration, error) {
	if math.IsNaN(seconds) || seconds < 0 || seconds > maxSeconds {
		return 0, faultf(0, "%v seconds is not between 0 and a year", seconds)
	}
	return time.Duration(math.Round(seconds * float64(time.Second))), nil
}

// sizeUnit is the number of bytes in a unit, 0 for an unknown one.
func sizeUnit(suffix string) int64 {
	switch suffix {
	case "B":
		return 1
	case "kB":
		return 1e3
	case "MB":
		return 1e6
	case "GB":
		return 1e9
	case "TB":
		return 1e12
	case "KiB":
		return 1 << 10
	case "MiB":
		return 1 << 20
	case "GiB":
		return 1 << 30
	case "TiB":
		return 1 << 40
	}
	return 0
}

// parseSize reads 64MiB, 10GB, or a bare number of the given unit, into bytes.
func parseSize(text string, unit int64) (int64, error) {
	digits := strings.TrimRightFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if suffix := strings.TrimSpace(text[len(digits):]); suffix != "" {
		if unit = sizeUnit(suffix); unit == 0 {
			return 0, &fault{offset: len(digits), msg: fmt.Sprintf("unknown unit %q", suffix), hint: "write B, kB, MB, GB, TB, KiB, MiB, GiB or TiB"}
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, &fault{msg: fmt.Sprintf("%q is not a size", text), hint: "write a whole number and a unit, such as 64MiB"}
	}
	if n < 0 || n > math.MaxInt64/unit {
		return 0, faultf(0, "size %s is out of range", text)
	}
	return n * unit, nil
}

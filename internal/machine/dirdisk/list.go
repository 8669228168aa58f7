package dirdisk

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// keyword starts a line that declares a partition:
//
//	part NUMBER SIZE TYPE     part 3 20G 83
//
// SIZE is bytes, or a number with K, M, G or T (1024), or "rest". TYPE is a word, left out for 83.
const keyword = "part"

// declared reads the partition of one line. Lines that do not start with the keyword are somebody else's: false.
func declared(line string) (Partition, bool, error) {
	words := strings.Fields(line)
	if len(words) == 0 || words[0] != keyword {
		return Partition{}, false, nil
	}
	if len(words) < 3 || len(words) > 4 {
		return Partition{}, true, fmt.Errorf("%q: want part NUMBER SIZE TYPE, as in part 3 20G 83", line)
	}
	n, err := strconv.Atoi(words[1])
	if err != nil || n < 1 || n > maxNumber {
		return Partition{}, true, fmt.Errorf("%q: partition numbers go from 1 to %d", line, maxNumber)
	}
	size, err := parseSize(words[2])
	if err != nil {
		return Partition{}, true, fmt.Errorf("%q: %w", line, err)
	}
	p := Partition{Number: n, Size: size, Type: "83"}
	if len(words) == 4 {
		p.Type = words[3]
	}
	return p, true, nil
}

// collect puts declarations into the order of their numbers.
func collect(parts []Partition) ([]Partition, error) {
	if len(parts) == 0 {
		return nil, errors.New("no partition was declared; print a line like: part 3 20G 83")
	}
	slices.SortStableFunc(parts, func(a, b Partition) int { return a.Number - b.Number })
	for i := 1; i < len(parts); i++ {
		if parts[i].Number == parts[i-1].Number {
			return nil, fmt.Errorf("partition %d was declared twice", parts[i].Number)
		}
	}
	return parts, nil
}

// parseList reads a script that is a list of declarations; blank lines and comments (#) are left out.
func parseList(script string) ([]Partition, error) {
	var parts []Partition
	for i, line := range strings.Split(script, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		p, ok, err := declared(line)
		if err == nil && !ok {
			err = fmt.Errorf("%q: want part NUMBER SIZE TYPE", line)
		}
		if err != nil {
			return nil, fmt.Errorf("partition list, line %d: %w", i+1, err)
		}
		parts = append(parts, p)
	}
	return collect(parts)
}

// isList says whether the first line that says something is a declaration; fdisk has no command "part".
func isList(script string) bool {
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '#' {
			return strings.HasPrefix(line, keyword+" ") || strings.HasPrefix(line, keyword+"\t")
		}
	}
	return false
}

// parseSize reads 20G, 512M, 512MB, 100; "" and "rest" are 0. A number without unit in fdisk counts sectors or
// cylinders, which the sandbox does not have: it is taken as bytes.
func parseSize(text string) (int64, error) {
	if text == "" || text == "rest" {
		return 0, nil
	}
	digits := strings.TrimRight(text, "BbiI")
	shift := 0
	if i := strings.IndexByte("KMGT", upper(digits)); i >= 0 && digits != "" {
		shift = 10 * (i + 1)
		digits = digits[:len(digits)-1]
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("size %q: want a number with K, M, G or T", text)
	}
	return n << shift, nil
}

// upper is the last letter, in upper case.
func upper(s string) byte {
	if s == "" {
		return 0
	}
	return strings.ToUpper(s[len(s)-1:])[0]
}

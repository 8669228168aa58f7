// Package sfdisk reads scripts of sfdisk as far as numbers, sizes and types go (sfdisk(8), "input formats"). Where the partitions would begin is
// not computed.
package sfdisk

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kadeploy/kadeploy/internal/blockdev"
)

const (
	maxScript  = 64 << 10
	maxNumber  = 128 // partitions of a GPT
	maxPrimary = 4
)

// Entry is a partition that a script asks for.
type Entry struct {
	Number int
	Size   int64  // bytes; 0: what is left
	Type   string // as it was written, shortcuts of Linux as their numbers: 83, 82, 5
}

// Parse reads a script for a disk, by whose name lines may name their partition, with sectors of so many bytes. With a dos label, what follows an
// extended partition that takes all that is left, and has no number, is a logical one.
func Parse(script, disk string, sector int64) ([]Entry, error) {
	if len(script) > maxScript {
		return nil, fmt.Errorf("the sfdisk script has %d bytes, more than %d", len(script), maxScript)
	}
	var all []Entry
	first := 1 // number that the next one may have
	gpt := false
	for i, line := range strings.Split(script, "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if header, value, ok := strings.Cut(line, ":"); line == "" || ok && len(all) == 0 && isHeader(header) {
			gpt = gpt || header == "label" && strings.TrimSpace(value) == "gpt"
			continue
		}
		e, err := entry(line, disk, sector)
		if err != nil {
			return nil, fmt.Errorf("sfdisk script, line %d: %w", i+1, err)
		}
		if e.Number == 0 {
			for e.Number = first; slices.ContainsFunc(all, func(o Entry) bool { return o.Number == e.Number }); {
				e.Number++
			}
		}
		if e.Number > maxNumber || len(all) == maxNumber {
			return nil, fmt.Errorf("sfdisk script, line %d: partition numbers go from 1 to %d", i+1, maxNumber)
		}
		if !gpt && e.Size == 0 && slices.Contains([]string{"5", "f", "85"}, e.Type) {
			first = maxPrimary + 1
		}
		all = append(all, e)
	}
	if len(all) == 0 {
		return nil, errors.New("the sfdisk script has no partition")
	}
	return all, nil
}

func isHeader(name string) bool {
	return slices.Contains([]string{"label", "label-id", "unit", "device", "sector-size", "first-lba", "last-lba", "table-length", "grain"}, name)
}

// shortcuts of types.
var shortcuts = map[string]string{"": "83", "L": "83", "linux": "83", "S": "82", "swap": "82", "E": "5", "X": "5", "extended": "5"}

// entry reads one line: [NUMBER :] FIELD, FIELD... The fields have names, or are start, size and type in this order.
func entry(line, disk string, sector int64) (e Entry, err error) {
	if node, fields, ok := strings.Cut(line, ":"); ok {
		node, line = strings.TrimSpace(node), fields
		e.Number, err = strconv.Atoi(strings.TrimPrefix(node, strings.TrimSuffix(blockdev.Partition(disk, "1"), "1")))
		if err != nil || e.Number < 1 || e.Number > maxNumber {
			return e, fmt.Errorf("%q: partition numbers go from 1 to %d", node, maxNumber)
		}
	}
	for i, field := range strings.Split(line, ",") {
		name, value, named := strings.Cut(strings.TrimSpace(field), "=")
		if !named && name != "bootable" {
			name, value = [...]string{"start", "size", "type", "bootable"}[min(i, 3)], name
		}
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch name {
		case "size":
			e.Size, err = parseSize(value, sector)
		case "type", "Id":
			e.Type = value
		}
		if err != nil {
			return e, err
		}
	}
	if long, ok := shortcuts[e.Type]; ok {
		e.Type = long
	}
	return e, nil
}

var sizes = regexp.MustCompile(`^([0-9]+)([KMGTP]?)(|B|iB)$`)

// parseSize reads a number of sectors, 20G or 20GiB in powers of 1024, 20GB in powers of 1000; + and nothing are what is left.
func parseSize(text string, sector int64) (int64, error) {
	digits := strings.Trim(text, "+")
	if digits == "" {
		return 0, nil
	}
	m := sizes.FindStringSubmatch(digits)
	if m == nil {
		return 0, fmt.Errorf("size %q: want a number with K, M, G or T", text)
	}
	unit := sector
	if m[2] != "" {
		unit = 1
		for range strings.Index("KMGTP", m[2]) + 1 {
			if unit *= 1024; m[3] == "B" {
				unit = unit / 1024 * 1000
			}
		}
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("size %q: more than any disk has", text)
	}
	return n * unit, nil
}

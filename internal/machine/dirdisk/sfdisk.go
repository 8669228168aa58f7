package dirdisk

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kadeploy/kadeploy/internal/blockdev"
)

// parseSfdisk reads an sfdisk script as far as numbers, sizes and types go (sfdisk(8), "input formats"). Positions are not computed: with a dos
// label, what follows an extended partition without a number is a logical one.
func parseSfdisk(script, disk string) ([]Partition, error) {
	if len(script) > maxScript {
		return nil, fmt.Errorf("the sfdisk script has %d bytes, more than %d", len(script), maxScript)
	}
	var parts []Partition
	first := 1 // number that the next one may have
	gpt := false
	for i, line := range strings.Split(script, "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if header, value, ok := strings.Cut(line, ":"); line == "" || ok && len(parts) == 0 && isHeader(header) {
			gpt = gpt || header == "label" && strings.TrimSpace(value) == "gpt"
			continue
		}
		p, err := sfdiskEntry(line, disk)
		if err != nil {
			return nil, fmt.Errorf("sfdisk script, line %d: %w", i+1, err)
		}
		if p.Number == 0 {
			for p.Number = first; slices.ContainsFunc(parts, func(o Partition) bool { return o.Number == p.Number }); {
				p.Number++
			}
		}
		if !gpt && p.extended() {
			first = maxPrimary + 1
		}
		parts = append(parts, p)
	}
	if len(parts) == 0 {
		return nil, errors.New("the sfdisk script has no partition")
	}
	return collect(parts)
}

func isHeader(name string) bool {
	return slices.Contains([]string{"label", "label-id", "unit", "device", "sector-size", "first-lba", "last-lba", "table-length", "grain"}, name)
}

// shortcuts of types.
var shortcuts = map[string]string{"": "83", "L": "83", "linux": "83", "S": "82", "swap": "82", "E": "5", "X": "5", "extended": "5"}

// sfdiskEntry reads one line: [NUMBER :] FIELD, FIELD... The fields have names, or are start, size and type in this order.
func sfdiskEntry(line, disk string) (p Partition, err error) {
	if node, fields, ok := strings.Cut(line, ":"); ok {
		node, line = strings.TrimSpace(node), fields
		p.Number, err = strconv.Atoi(strings.TrimPrefix(node, strings.TrimSuffix(blockdev.Partition(disk, "1"), "1")))
		if err != nil || p.Number < 1 || p.Number > maxNumber {
			return p, fmt.Errorf("%q: partition numbers go from 1 to %d", node, maxNumber)
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
			p.Size, err = sfdiskSize(value)
		case "type", "Id":
			p.Type = value
		}
		if err != nil {
			return p, err
		}
	}
	if long, ok := shortcuts[p.Type]; ok {
		p.Type = long
	}
	return p, nil
}

// sfdiskSize reads 20G, + for the rest, or a number of sectors.
func sfdiskSize(text string) (int64, error) {
	size, err := parseSize(strings.Trim(text, "+"))
	if text != "" && strings.Trim(text, "0123456789") == "" {
		size *= 512
	}
	return size, err
}

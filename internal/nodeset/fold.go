package nodeset

import (
	"slices"
	"strconv"
	"strings"
)

// Fold writes names for people: in natural order, without repetition, with runs of numbers in brackets:
// login,node-[1-8,12].demo. The number that is folded is the last one before the first dot.
// Expand of the result gives the same names, provided that none holds a bracket or a comma.
func Fold(names []string) string {
	sorted := slices.Clone(names)
	slices.SortFunc(sorted, Compare)

	type family struct {
		head, tail string
		numbered   bool
	}
	var order []family
	members := map[family][]string{}
	for _, name := range slices.Compact(sorted) {
		head, digits, tail := split(name)
		key := family{head, tail, digits != ""}
		if _, known := members[key]; !known {
			order = append(order, key)
		}
		members[key] = append(members[key], digits)
	}

	var folded []string
	for _, key := range order {
		folded = append(folded, key.head+brackets(members[key])+key.tail)
	}
	return strings.Join(folded, ",")
}

// split finds the last number before the first dot; digits is empty when there is none that Expand could write.
func split(name string) (head, digits, tail string) {
	end, _, _ := strings.Cut(name, ".")
	to := strings.LastIndexAny(end, "0123456789") + 1
	from := to
	for from > 0 && name[from-1] >= '0' && name[from-1] <= '9' {
		from--
	}
	if to-from > maxDigits {
		return name, "", ""
	}
	return name[:from], name[from:to], name[to:]
}

// brackets writes numbers in ascending order as one bracket, or as it is when there is only one.
// A name without a number is a family of its own.
func brackets(numbers []string) string {
	if len(numbers) == 1 {
		return numbers[0]
	}
	var items []string
	for len(numbers) > 0 {
		n := runLength(numbers)
		if n == 1 {
			items = append(items, numbers[0])
		} else {
			items = append(items, numbers[0]+"-"+numbers[n-1])
		}
		numbers = numbers[n:]
	}
	return "[" + strings.Join(items, ",") + "]"
}

// runLength counts how many numbers from the first on can be written as one A-B: each is one more than the one
// before, and either all have the same width or none starts with a zero.
func runLength(numbers []string) int {
	plain := !padded(numbers[0])
	for n := 1; n < len(numbers); n++ {
		before, _ := strconv.Atoi(numbers[n-1])
		this, _ := strconv.Atoi(numbers[n])
		plain = plain && !padded(numbers[n])
		if this != before+1 || !plain && len(numbers[n]) != len(numbers[0]) {
			return n
		}
	}
	return len(numbers)
}

func padded(number string) bool { return len(number) > 1 && number[0] == '0' }

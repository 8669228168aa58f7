package nodeset

import "strings"

// Less is the natural order: node-2 comes before node-10.
func Less(a, b string) bool { return Compare(a, b) < 0 }

// Compare orders names naturally: numbers in them by value, the rest byte by byte. Names that differ only in
// leading zeros are ordered as plain text, so that only equal names compare as 0.
func Compare(a, b string) int {
	restA, restB := a, b
	for restA != "" && restB != "" {
		numberA, numberB := leadingDigits(restA), leadingDigits(restB)
		if numberA == "" || numberB == "" {
			if restA[0] != restB[0] {
				return int(restA[0]) - int(restB[0])
			}
			restA, restB = restA[1:], restB[1:]
			continue
		}
		if c := compareNumbers(numberA, numberB); c != 0 {
			return c
		}
		restA, restB = restA[len(numberA):], restB[len(numberB):]
	}
	if len(restA) > 0 || len(restB) > 0 {
		return len(restA) - len(restB)
	}
	return strings.Compare(a, b)
}

// compareNumbers compares digits of any length by value.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func leadingDigits(text string) string {
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	return text[:n]
}

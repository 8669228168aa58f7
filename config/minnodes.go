package config

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseMinNodes reads how many of total nodes must succeed: "" is 0 (all of them), "7" is 7, "90%" is 90 % of total
// rounded up. It refuses what total nodes can never fulfil and what needs no node at all.
func ParseMinNodes(s string, total int) (int, error) {
	text := strings.TrimSpace(s)
	if text == "" {
		return 0, nil
	}
	number, percent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil {
		return 0, fmt.Errorf("minnodes %q is neither a count (7) nor a percentage (90%%)", s)
	}
	if n <= 0 {
		return 0, fmt.Errorf("minnodes %s: at least one node must succeed", text)
	}
	if percent {
		if n > 100 {
			return 0, fmt.Errorf("minnodes %s is more than all nodes", text)
		}
		return (total*n + 99) / 100, nil
	}
	if n > total {
		return 0, fmt.Errorf("minnodes %d is more than there are nodes (%d)", n, total)
	}
	return n, nil
}

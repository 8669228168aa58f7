// Package nodeset reads and writes sets of node names the way administrators do: node-[1-16,20].rack is not a
// name but seventeen of them. It knows names as text only; what a name means is left to its caller.
package nodeset

import (
	"fmt"
	"strconv"
	"strings"
)

// Limit is the number of names that one pattern may stand for.
const Limit = 100_000

// MaxName is the longest name in bytes; DNS stops at 253.
const MaxName = 255

// maxDigits keeps every number of a range within an int on any machine.
const maxDigits = 9

// SyntaxError says where in a pattern the first fault is.
type SyntaxError struct {
	Offset int // in bytes
	Msg    string
}

func (e *SyntaxError) Error() string { return e.Msg }

// Expand lists the names a pattern stands for, in the order written: patterns separated by commas, each with any
// number of bracketed lists of N and A-B. When A and B have the same number of digits their zeros are kept
// (Kadeploy3, nodes file): [08-11] is 08 09 10 11 and [8-011] is 8 9 10 11. A name without brackets is itself.
// Repeated names stay repeated. The error is a *SyntaxError.
func Expand(pattern string) ([]string, error) {
	var names []string
	for offset := 0; ; {
		end := offset + pieceLen(pattern[offset:])
		more, err := expandPiece(pattern[offset:end], offset, Limit-len(names))
		if err != nil {
			return nil, err
		}
		names = append(names, more...)
		if end == len(pattern) {
			return names, nil
		}
		offset = end + 1
	}
}

// pieceLen is the length of text up to the first comma outside brackets.
func pieceLen(text string) int {
	depth := 0
	for i, c := range []byte(text) {
		switch {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case c == ',' && depth <= 0:
			return i
		}
	}
	return len(text)
}

// expandPiece multiplies the names begun so far by each bracket in turn.
func expandPiece(piece string, base, room int) ([]string, error) {
	if piece == "" {
		return nil, &SyntaxError{base, "empty name"}
	}
	names := []string{""}
	for at := 0; at < len(piece); {
		var choices []string
		next := len(piece)
		switch piece[at] {
		case ']':
			return nil, &SyntaxError{base + at, "] without ["}
		case '[':
			end := strings.IndexByte(piece[at:], ']')
			if end < 0 {
				return nil, &SyntaxError{base + at, "[ without ]"}
			}
			next = at + end + 1
			list, err := expandList(piece[at+1:next-1], base+at+1, room)
			if err != nil {
				return nil, err
			}
			choices = list
		default:
			if end := strings.IndexAny(piece[at:], "[]"); end >= 0 {
				next = at + end
			}
			choices = []string{piece[at:next]}
		}
		if len(choices)*len(names) > room {
			return nil, &SyntaxError{base + at, fmt.Sprintf("more than %d names", Limit)}
		}
		var err error
		if names, err = multiply(names, choices); err != nil {
			return nil, &SyntaxError{base + at, err.Error()}
		}
		at = next
	}
	return names, nil
}

func multiply(heads, tails []string) ([]string, error) {
	names := make([]string, 0, len(heads)*len(tails))
	for _, head := range heads {
		for _, tail := range tails {
			if len(head)+len(tail) > MaxName {
				return nil, fmt.Errorf("name longer than %d bytes", MaxName)
			}
			names = append(names, head+tail)
		}
	}
	return names, nil
}

// expandList lists the inside of one bracket.
func expandList(list string, base, room int) ([]string, error) {
	var out []string
	for offset := 0; ; {
		item, _, more := strings.Cut(list[offset:], ",")
		first, last, isRange := strings.Cut(item, "-")
		if !isRange {
			last = first
		}
		from, err := number(first, base+offset)
		if err != nil {
			return nil, err
		}
		to, err := number(last, base+offset+len(item)-len(last))
		if err != nil {
			return nil, err
		}
		if to < from {
			return nil, &SyntaxError{base + offset, fmt.Sprintf("range %s goes backwards", item)}
		}
		if to-from >= room-len(out) {
			return nil, &SyntaxError{base + offset, fmt.Sprintf("more than %d names", Limit)}
		}
		width := 0
		if len(first) == len(last) {
			width = len(first)
		}
		for n := from; n <= to; n++ {
			out = append(out, fmt.Sprintf("%0*d", width, n))
		}
		if !more {
			return out, nil
		}
		offset += len(item) + 1
	}
}

func number(digits string, offset int) (int, error) {
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return 0, &SyntaxError{offset, fmt.Sprintf("%q is not a number", digits)}
		}
	}
	if digits == "" {
		return 0, &SyntaxError{offset, "a number is missing"}
	}
	if len(digits) > maxDigits {
		return 0, &SyntaxError{offset, fmt.Sprintf("number with more than %d digits", maxDigits)}
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0, &SyntaxError{offset, err.Error()}
	}
	return n, nil
}

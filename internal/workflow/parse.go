package workflow

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Bounds of a macrostep line. They are far above what a site needs and keep a slip of the keyboard from meaning years.
const (
	maxInstances = 64
	maxTries     = 100
	maxSeconds   = 7 * 24 * 3600
)

// SyntaxError is a macrostep value that cannot be read.
type SyntaxError struct {
	Offset int    // of the first byte that is wrong, in the value given to ParseMacrostep; its length when the end is missing
	Msg    string // what is wrong and what would be right, one line
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("macrostep, byte %d: %s", e.Offset, e.Msg)
}

// ParseMacrostep reads the value of a macrostep line (Kadeploy3 2.3):
//
//	SetDeploymentEnv|SetDeploymentEnvProd:1:120,SetDeploymentEnvUntrusted:2:400
//
// After the macro-step come its instances in the order they are tried, each with the number of tries (as in 2009: all of them,
// not those after the first; 0 skips the instance) and the seconds that each try may take. 0 seconds are no limit, as since
// 3.1.6; in 2009 they meant an immediate timeout, which nobody can have wanted. An instance may be named with the
// macro-step's name in front or without it; blanks around names and numbers are skipped.
//
// The error is always a *SyntaxError. Names are those of [Instances], whether supported or not.
func ParseMacrostep(value string) (Macro, []Spec, error) {
	head, list, found := strings.Cut(value, "|")
	macro, err := parseMacro(head)
	if err != nil {
		return "", nil, err
	}
	if !found {
		return "", nil, &SyntaxError{len(value), "the instances are missing: expected " + string(macro) + "|INSTANCE:TRIES:SECONDS,..."}
	}
	var specs []Spec
	offset := len(head) + 1
	for item := range strings.SplitSeq(list, ",") {
		if len(specs) == maxInstances {
			return "", nil, &SyntaxError{offset, fmt.Sprintf("more than %d instances", maxInstances)}
		}
		spec, err := parseInstance(macro, item, offset)
		if err != nil {
			return "", nil, err
		}
		specs = append(specs, spec)
		offset += len(item) + 1
	}
	return macro, specs, nil
}

func parseMacro(text string) (Macro, error) {
	name, offset := trim(text, 0)
	names := []string{string(SetDeploymentEnv), string(BroadcastEnv), string(BootNewEnv)}
	for _, known := range names {
		if name == known {
			return Macro(known), nil
		}
	}
	return "", &SyntaxError{offset, fmt.Sprintf("unknown macro-step %s%s: expected %s", quote(name), didYouMean(name, names), strings.Join(names, ", "))}
}

// parseInstance reads NAME:TRIES:SECONDS, which starts at offset of the value.
func parseInstance(macro Macro, item string, offset int) (Spec, error) {
	fields := strings.Split(item, ":")
	if len(fields) != 3 {
		_, at := trim(item, offset)
		return Spec{}, &SyntaxError{at, "expected INSTANCE:TRIES:SECONDS, got " + quote(strings.Trim(item, blanks))}
	}
	name, err := parseName(macro, fields[0], offset)
	if err != nil {
		return Spec{}, err
	}
	offset += len(fields[0]) + 1
	tries, err := parseNumber("tries", fields[1], offset, maxTries)
	if err != nil {
		return Spec{}, err
	}
	offset += len(fields[1]) + 1
	seconds, err := parseNumber("seconds", fields[2], offset, maxSeconds)
	if err != nil {
		return Spec{}, err
	}
	return Spec{Name: name, Tries: tries, Timeout: time.Duration(seconds) * time.Second}, nil
}

func parseName(macro Macro, text string, offset int) (string, error) {
	full, offset := trim(text, offset)
	name := strings.TrimPrefix(full, string(macro))
	names := Instances(macro)
	for _, known := range names {
		if name == known {
			return name, nil
		}
	}
	return "", &SyntaxError{offset, fmt.Sprintf("%s has no instance %s%s: expected %s", macro, quote(full), didYouMean(name, names), strings.Join(names, ", "))}
}

func parseNumber(what, text string, offset, limit int) (int, error) {
	digits, offset := trim(text, offset)
	// Digits only: Atoi would take a sign.
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, &SyntaxError{offset, fmt.Sprintf("%s must be a number, got %s", what, quote(digits))}
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n > limit {
		return 0, &SyntaxError{offset, fmt.Sprintf("%s must be at most %d, got %s", what, limit, quote(digits))}
	}
	return n, nil
}

const blanks = " \t"

// trim cuts the blanks around text and says at which offset what is left starts, when text starts at offset.
func trim(text string, offset int) (string, int) {
	left := strings.TrimLeft(text, blanks)
	return strings.TrimRight(left, blanks), offset + len(text) - len(left)
}

// quote makes a piece of input fit for one line of an error.
func quote(text string) string {
	return strconv.Quote(head(text, 60))
}

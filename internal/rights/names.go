package rights

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/internal/nodeset"
)

// maxName bounds the name of a user, in bytes.
const maxName = 64

// CheckName accepts the names of users: letters, digits and . _ - @, the first a letter, a digit or _.
func CheckName(name string) error {
	bad := strings.IndexFunc(name, func(c rune) bool {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
		return !letter && !strings.ContainsRune(".-@", c)
	})
	if name == "" || len(name) > maxName || bad >= 0 || strings.ContainsRune(".-@", rune(name[0])) {
		return fmt.Errorf("%.70q is no name of a user: at most %d letters, digits and . _ - @", name, maxName)
	}
	return nil
}

// checkUser accepts a user of a grant.
func checkUser(name string) error {
	if name == All {
		return nil
	}
	return CheckName(name)
}

// number says whether a text is the number of a partition, written in one way only.
func number(part string) bool {
	if len(part) == 0 || len(part) > 4 || part[0] == '0' {
		return false
	}
	return strings.Trim(part, "0123456789") == ""
}

// Part reads a partition as people and configurations write it: 3, p3, -part3, /dev/sda3, or * for every one.
func Part(text string) (string, error) {
	if text == All {
		return All, nil
	}
	digits := text[len(strings.TrimRight(text, "0123456789")):]
	if !number(digits) {
		return "", fmt.Errorf("%.40q is no partition: give a number, a device that ends in one, or * for every one", text)
	}
	return digits, nil
}

var errNoNodes = errors.New("no nodes: name some, or * for every node")

// expand lists what patterns stand for among known nodes, each once; All alone is itself. A name that nobody knows and a
// pattern that fits nobody are errors.
func expand(patterns, known []string) ([]string, error) {
	if len(patterns) == 0 {
		return nil, errNoNodes
	}
	names := make(map[string]bool, len(known))
	for _, n := range known {
		names[n] = true
	}
	found := make(nodeSet)
	total, globs := 0, 0
	for _, p := range patterns {
		if p == All {
			return []string{All}, nil
		}
		pieces, err := nodeset.Expand(p)
		if err != nil {
			return nil, fmt.Errorf("nodes %.80s: %w", p, err)
		}
		total += len(pieces)
		globs += len(slices.DeleteFunc(slices.Clone(pieces), func(piece string) bool { return !isGlob(piece) }))
		if total > nodeset.Limit || globs > maxGlobs {
			return nil, fmt.Errorf("nodes: more than %d names or %d patterns with * or ?", nodeset.Limit, maxGlobs)
		}
		var unknown []string
		for _, piece := range pieces {
			if !fits(piece, names, known, found) {
				unknown = append(unknown, piece)
			}
		}
		if len(unknown) > 0 {
			return nil, fmt.Errorf("the server has no %s (see kadeploy nodes)", shortened(nodeset.Fold(unknown)))
		}
	}
	return found.sorted(), nil
}

// maxGlobs bounds the patterns that each node is held against.
const maxGlobs = 100

func isGlob(piece string) bool { return strings.ContainsAny(piece, "*?") }

// fits adds the nodes that a name or a glob stands for, and says whether there is any.
func fits(piece string, names map[string]bool, known []string, found nodeSet) bool {
	if !isGlob(piece) {
		if names[piece] {
			found[piece] = true
		}
		return names[piece]
	}
	any := false
	for _, n := range known {
		if ok, err := path.Match(piece, n); err == nil && ok {
			found[n], any = true, true
		}
	}
	return any
}

// Matches chooses those of the nodes of a list that patterns stand for; no pattern stands for all.
func Matches(patterns, nodes []string) (func(node string) bool, error) {
	if len(patterns) == 0 || slices.Contains(patterns, All) {
		return func(string) bool { return true }, nil
	}
	chosen, err := expand(patterns, nodes)
	if err != nil {
		return nil, err
	}
	return wanted(chosen).touches, nil
}

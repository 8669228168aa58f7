package dirdisk

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	maxScript  = 64 << 10
	maxNumber  = 128 // partitions of a GPT
	maxPrimary = 4
)

// typed follows what fdisk would do with the lines of a script, as far as the partitions it leaves on the disk: the
// commands o, g, n, d, t, a, w and q with the questions that each of them asks, and the harmless p, v, l, m, F, x, r.
// Positions are not computed. It starts with the partitions that are there.
type typed struct {
	lines []string
	at    int
	parts []Partition
	gpt   bool
	wrote bool
}

// parseTyped returns the partitions after the script was typed into fdisk.
func parseTyped(script string, before []Partition) ([]Partition, error) {
	if len(script) > maxScript {
		return nil, fmt.Errorf("the fdisk script has %d bytes, more than %d", len(script), maxScript)
	}
	f := &typed{lines: strings.Split(strings.TrimRight(script, "\n"), "\n"), parts: slices.Clone(before)}
	for f.at < len(f.lines) && !f.wrote {
		line := f.at + 1
		command := f.next()
		if command == "q" {
			break
		}
		if err := f.command(command); err != nil {
			return nil, fmt.Errorf("fdisk script, line %d, command %q: %w", line, command, err)
		}
	}
	if !f.wrote {
		return nil, errors.New("the fdisk script does not reach the command w: nothing would be written")
	}
	slices.SortFunc(f.parts, func(a, b Partition) int { return a.Number - b.Number })
	return f.parts, nil
}

// next is the next line; fdisk that finds no more takes the default, and so does an empty line.
func (f *typed) next() string {
	if f.at >= len(f.lines) {
		return ""
	}
	f.at++
	return strings.TrimSpace(f.lines[f.at-1])
}

func (f *typed) command(name string) error {
	switch name {
	case "o", "g":
		f.parts, f.gpt = nil, name == "g"
		return nil
	case "n":
		return f.add()
	case "d":
		i, err := f.which()
		if err != nil {
			return err
		}
		f.remove(i)
		return nil
	case "t":
		i, err := f.which()
		if err != nil {
			return err
		}
		f.parts[i].Type = f.next()
		return nil
	case "a":
		_, err := f.which()
		return err
	case "w":
		f.wrote = true
		return nil
	case "", "p", "v", "l", "m", "F", "x", "r":
		return nil
	}
	return errors.New("the sandbox does not know it (it knows o, g, n, d, t, a, p, w, q)")
}

// which asks for a partition, unless there is only one.
func (f *typed) which() (int, error) {
	switch len(f.parts) {
	case 0:
		return 0, errors.New("there is no partition")
	case 1:
		return 0, nil
	}
	answer := f.next()
	if answer == "" {
		return len(f.parts) - 1, nil
	}
	i := slices.IndexFunc(f.parts, func(p Partition) bool { return strconv.Itoa(p.Number) == answer })
	if i < 0 {
		return 0, fmt.Errorf("there is no partition %q", answer)
	}
	return i, nil
}

// remove deletes a partition, with an extended one its logical ones, and renumbers the logical ones as fdisk does.
func (f *typed) remove(i int) {
	gone := f.parts[i]
	f.parts = slices.Delete(f.parts, i, i+1)
	if f.gpt {
		return
	}
	if gone.extended() {
		f.parts = slices.DeleteFunc(f.parts, func(p Partition) bool { return p.Number > maxPrimary })
	}
	for i := range f.parts {
		if gone.Number > maxPrimary && f.parts[i].Number > gone.Number {
			f.parts[i].Number--
		}
	}
}

func (f *typed) add() error {
	kind := "p"
	extended := slices.ContainsFunc(f.parts, func(p Partition) bool { return p.extended() })
	free := f.free(1, maxPrimary)
	switch {
	case f.gpt:
		free = f.free(1, maxNumber)
	case len(free) == 0 && !extended:
		return errors.New("all four primary partitions are in use and none is extended")
	case len(free) == 0:
		kind = "l"
	default:
		if answer := f.next(); answer != "" {
			kind = answer
		}
	}
	p := Partition{Type: "83"}
	switch kind {
	case "l":
		if !extended {
			return errors.New("a logical partition needs an extended one")
		}
		p.Number = f.free(maxPrimary+1, maxNumber)[0]
	case "e", "p":
		if kind == "e" {
			p.Type = "5"
		}
		number, err := f.number(free)
		if err != nil {
			return err
		}
		p.Number = number
	default:
		return fmt.Errorf("partition kind %q: want p, e or l", kind)
	}
	f.next() // first sector
	size, err := parseSize(strings.TrimPrefix(f.next(), "+"))
	if err != nil {
		return err
	}
	p.Size = size
	f.parts = append(f.parts, p)
	return nil
}

// number asks for the number of a new partition, unless one is left.
func (f *typed) number(free []int) (int, error) {
	if len(free) == 0 {
		return 0, errors.New("no number is free")
	}
	if len(free) == 1 {
		return free[0], nil
	}
	answer := f.next()
	if answer == "" {
		return free[0], nil
	}
	n, err := strconv.Atoi(answer)
	if err != nil || !slices.Contains(free, n) {
		return 0, fmt.Errorf("partition number %q is taken or out of range", answer)
	}
	return n, nil
}

func (f *typed) free(from, to int) []int {
	var free []int
	for n := from; n <= to; n++ {
		if !slices.ContainsFunc(f.parts, func(p Partition) bool { return p.Number == n }) {
			free = append(free, n)
		}
	}
	return free
}

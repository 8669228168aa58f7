// Package argv orders command lines as people write them into what the flag parser takes: program, command, flags, "--",
// arguments. People write flags anywhere, the old form `kadeploy -f NODES -d DIR start` even before the command; the parser
// takes every word after the first argument for an argument, and refuses the short and the long name of a flag together.
package argv

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// Syntax is what a program's words can mean. A flag's name means the same in every command.
type Syntax struct {
	Commands []*cli.Command
	Optional string // long name of the flag that gets an empty value when none follows; "": there is none
}

// Error is a command line that no order makes right.
type Error struct {
	Command string // "" for the program itself
	Flag    string // set when flags stand without a command: the first of them, by its long name
	Text    string
}

func (e *Error) Error() string { return e.Text }

// Order returns the words, the program's name first, in the parser's order. Help and version of the program itself become
// commands; of a command that is asked for its help nothing else is left. The error is an *Error.
func (s Syntax) Order(words []string) ([]string, error) {
	known := s.flags()
	var command string
	var flags, args []string
	for i := 1; i < len(words); i++ {
		word := words[i]
		name, value, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
		switch f := known[name]; {
		case word == "--":
			args = append(args, words[i+1:]...)
			i = len(words)
		case len(word) < 2 || word[0] != '-':
			if command == "" {
				command = word
			} else {
				args = append(args, word)
			}
		case f.name == "":
			flags = append(flags, word) // the parser refuses it
		case hasValue:
			flags = append(flags, "--"+f.name+"="+value)
		case !f.value:
			flags = append(flags, "--"+f.name)
		case i+1 < len(words) && !isFlag(known, words[i+1]):
			flags = append(flags, "--"+f.name+"="+words[i+1])
			i++
		case f.name == s.Optional:
			flags = append(flags, "--"+f.name+"=")
		case i+1 < len(words):
			return nil, &Error{Command: command, Text: fmt.Sprintf("option %s needs a value, but %s follows", word, words[i+1])}
		default:
			return nil, &Error{Command: command, Text: fmt.Sprintf("option %s needs a value", word)}
		}
	}
	if command == "" {
		return withoutCommand(words, flags)
	}
	if slices.Contains(flags, "--help") { // the parser would take the first argument for a command to be helped with
		return []string{words[0], command, "--help"}, nil
	}
	out := append([]string{words[0], command}, flags...)
	if len(args) > 0 {
		out = append(append(out, "--"), args...)
	}
	return out, nil
}

// withoutCommand accepts only the flags of the program itself.
func withoutCommand(words, flags []string) ([]string, error) {
	for _, f := range flags {
		switch f {
		case "--help":
			return []string{words[0], "help"}, nil
		case "--version":
			return []string{words[0], "version"}, nil
		}
	}
	if len(flags) > 0 {
		name, _, _ := strings.Cut(flags[0], "=")
		return nil, &Error{Flag: name, Text: fmt.Sprintf("no command: %s belongs to one", name)}
	}
	return words[:1], nil
}

// isFlag tells a flag that we know from a value that begins with a dash.
func isFlag(known map[string]flag, word string) bool {
	if len(word) < 2 || word[0] != '-' {
		return false
	}
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	_, ok := known[name]
	return ok
}

// flag is what the order of words depends on.
type flag struct {
	name  string // the long one
	value bool   // takes one
}

// flags finds every flag, of whatever command, by each of its names.
func (s Syntax) flags() map[string]flag {
	help, version := flag{name: "help"}, flag{name: "version"}
	m := map[string]flag{"h": help, "help": help, "v": version, "version": version}
	for _, c := range s.Commands {
		for _, f := range c.Flags {
			_, isBool := f.(*cli.BoolFlag)
			for _, name := range f.Names() {
				m[name] = flag{name: f.Names()[0], value: !isBool}
			}
		}
	}
	return m
}

package command

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// permute orders a command line as the parser wants it: program, command, flags, "--", arguments. People write flags
// anywhere, the old form `kadeploy -f NODES -d DIR start` even before the command; the parser takes every word after the
// first argument for an argument. A flag whose value may be left out (optionalValue) gets an empty one when no value follows.
func permute(commands []*cli.Command, argv []string) ([]string, error) {
	takesValue := valueFlags(commands)
	var command string
	var flags, args []string
	for i := 1; i < len(argv); i++ {
		word := argv[i]
		name, _, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
		switch needs, known := takesValue[name]; {
		case word == "--":
			args = append(args, argv[i+1:]...)
			i = len(argv)
		case len(word) < 2 || word[0] != '-':
			if command == "" {
				command = word
			} else {
				args = append(args, word)
			}
		case !known || !needs || hasValue:
			flags = append(flags, word)
		case i+1 < len(argv) && !isFlag(takesValue, argv[i+1]):
			flags = append(flags, word, argv[i+1])
			i++
		case slices.Contains(optionalValue, name):
			flags = append(flags, word+"=")
		case i+1 < len(argv):
			return nil, usage(command, "option %s needs a value, but %s follows", word, argv[i+1])
		default:
			return nil, usage(command, "option %s needs a value", word)
		}
	}
	if command == "" {
		return withoutCommand(argv, flags)
	}
	out := append([]string{argv[0], command}, flags...)
	if len(args) > 0 {
		out = append(append(out, "--"), args...)
	}
	return out, nil
}

// withoutCommand accepts only the flags of the program itself.
func withoutCommand(argv, flags []string) ([]string, error) {
	for _, f := range flags {
		switch f {
		case "-h", "--help", "-help":
			return []string{argv[0], "--help"}, nil
		case "-v", "--version", "-version":
			return []string{argv[0], "version"}, nil
		}
	}
	if len(flags) > 0 {
		return nil, usage("", "no command: %s belongs to one, for example kadeploy deploy or kadeploy start", flags[0])
	}
	return argv[:1], nil
}

// isFlag tells a flag that we know from a value that begins with a dash.
func isFlag(known map[string]bool, word string) bool {
	if len(word) < 2 || word[0] != '-' {
		return false
	}
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	_, ok := known[name]
	return ok
}

// valueFlags maps every flag's name, of whatever command, to whether it takes a value. A name means the same in all commands.
func valueFlags(commands []*cli.Command) map[string]bool {
	m := map[string]bool{"h": false, "help": false, "v": false, "version": false}
	for _, c := range commands {
		for _, f := range c.Flags {
			_, isBool := f.(*cli.BoolFlag)
			for _, name := range f.Names() {
				m[name] = !isBool
			}
		}
	}
	return m
}

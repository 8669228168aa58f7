package command

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// permute orders a command line as the parser wants it: program, command, flags, "--", arguments. People write flags
// anywhere, the old form `kadeploy -f NODES -d DIR start` even before the command; the parser takes every word after the
// first argument for an argument, and refuses the short and the long name of a flag together. A flag whose value may be
// left out (optionalValue) gets an empty one when no value follows.
func permute(commands []*cli.Command, argv []string) ([]string, error) {
	known := knownFlags(commands)
	var command string
	var flags, args []string
	for i := 1; i < len(argv); i++ {
		word := argv[i]
		name, value, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
		switch f := known[name]; {
		case word == "--":
			args = append(args, argv[i+1:]...)
			i = len(argv)
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
		case i+1 < len(argv) && !isFlag(known, argv[i+1]):
			flags = append(flags, "--"+f.name+"="+argv[i+1])
			i++
		case f.name == optionalValue:
			flags = append(flags, "--"+f.name+"=")
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
		case "--help":
			return []string{argv[0], "help"}, nil
		case "--version":
			return []string{argv[0], "version"}, nil
		}
	}
	if len(flags) > 0 {
		name, _, _ := strings.Cut(flags[0], "=")
		return nil, usage("", "no command: %s belongs to one, for example kadeploy deploy or kadeploy start", name)
	}
	return argv[:1], nil
}

// isFlag tells a flag that we know from a value that begins with a dash.
func isFlag(known map[string]knownFlag, word string) bool {
	if len(word) < 2 || word[0] != '-' {
		return false
	}
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	_, ok := known[name]
	return ok
}

// knownFlag is what the order of words depends on.
type knownFlag struct {
	name  string // the long one
	value bool   // takes one
}

// knownFlags finds every flag, of whatever command, by each of its names. A name means the same in all commands.
func knownFlags(commands []*cli.Command) map[string]knownFlag {
	help, version := knownFlag{name: "help"}, knownFlag{name: "version"}
	m := map[string]knownFlag{"h": help, "help": help, "v": version, "version": version}
	for _, c := range commands {
		for _, f := range c.Flags {
			_, isBool := f.(*cli.BoolFlag)
			for _, name := range f.Names() {
				m[name] = knownFlag{name: f.Names()[0], value: !isBool}
			}
		}
	}
	return m
}

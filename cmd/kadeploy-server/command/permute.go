package command

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// permute orders a command line as the parser wants it: program, command, flags, "--", arguments. People write flags
// before the command too (`kadeploy-server -d DIR start`), and after arguments, where the parser takes them for arguments.
func permute(commands []*cli.Command, argv []string) ([]string, error) {
	known := knownFlags(commands)
	var command string
	var flags, args []string
	for i := 1; i < len(argv); i++ {
		word := argv[i]
		name, _, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
		takesValue, isKnown := known[name]
		switch {
		case word == "--":
			args = append(args, argv[i+1:]...)
			i = len(argv)
		case len(word) < 2 || word[0] != '-':
			if command == "" {
				command = word
			} else {
				args = append(args, word)
			}
		case !isKnown, hasValue, !takesValue:
			flags = append(flags, word) // the parser refuses an unknown one
		case i+1 == len(argv):
			return nil, usage(command, "option %s needs a value", word)
		default:
			flags = append(flags, word+"="+argv[i+1])
			i++
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
		switch strings.TrimLeft(f, "-") {
		case "help", "h":
			return []string{argv[0], "help"}, nil
		case "version", "v":
			return []string{argv[0], "version"}, nil
		}
	}
	return argv[:1], nil
}

// knownFlags says of every flag, of whatever command, whether it takes a value. A name means the same in all commands.
func knownFlags(commands []*cli.Command) map[string]bool {
	known := map[string]bool{"h": false, "help": false, "v": false, "version": false}
	for _, c := range commands {
		for _, f := range c.Flags {
			_, isToggle := f.(*cli.BoolFlag)
			for _, name := range f.Names() {
				known[name] = !isToggle
			}
		}
	}
	return known
}

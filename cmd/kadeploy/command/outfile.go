package command

import (
	"fmt"

	"github.com/kadeploy/kadeploy/internal/outfile"
)

// outFile is a file that will be written when all is over. It is proved writable before anything is started.
type outFile struct {
	flag  string
	place outfile.Place // its Path is "" when there is nothing to write
}

// prepare checks a file named by flag; name "" is no file.
func prepare(command, flag, name string) (*outFile, error) {
	if name == "" {
		return &outFile{flag: flag}, nil
	}
	place, err := outfile.Find(name)
	if err != nil {
		return nil, usage(command, "%s %s: %w", flag, name, err)
	}
	if err := place.Probe(); err != nil {
		return nil, usage(command, "%s %s: cannot be written: %w", flag, name, err)
	}
	return &outFile{flag, place}, nil
}

// write puts lines into the file.
func (o *outFile) write(lines []string) error {
	if o.place.Path == "" {
		return nil
	}
	if err := o.place.WriteLines(lines); err != nil {
		return fmt.Errorf("%s %s: cannot be written: %w", o.flag, o.place.Name, err)
	}
	return nil
}

// distinct refuses two flags that name one file.
func distinct(command string, files ...*outFile) error {
	seen := make(map[string]*outFile)
	for _, o := range files {
		if o.place.Path == "" {
			continue
		}
		if first, twice := seen[o.place.Path]; twice {
			return usage(command, "%s and %s name the same file, %s", first.flag, o.flag, o.place.Name)
		}
		seen[o.place.Path] = o
	}
	return nil
}

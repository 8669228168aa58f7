package outfile

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// WriteLines makes the file of so many lines, durably; of none an empty one.
func (p Place) WriteLines(lines []string) error {
	text := ""
	if len(lines) > 0 {
		text = strings.Join(lines, "\n") + "\n"
	}
	if p.Direct {
		f, err := os.OpenFile(p.Path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return wording.Bare(err)
		}
		_, err = f.WriteString(text)
		return wording.Bare(errors.Join(err, f.Close()))
	}
	d, err := p.Create()
	if err != nil {
		return err
	}
	defer d.Discard()
	if _, err := io.WriteString(d, text); err != nil {
		return err
	}
	return d.Commit(true)
}

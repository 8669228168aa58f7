package kadeploy3

import (
	"context"
	"io"
	"io/fs"
	"strings"
	"time"
)

// Descriptions reads a dump and returns the descriptions and the book that are made of it, without writing any.
func Descriptions(r io.Reader, now time.Time) (map[string][]byte, *Report, error) {
	report := &Report{}
	d, err := readDatabase(r, "dump.sql", report)
	if err != nil {
		return nil, report, err
	}
	files := d.descriptions(report)
	d.book(now, func(string) string { return "/dev/sda" })
	return files, report, nil
}

// ReadSomePast reads the past of a dump up to a number of rows.
func ReadSomePast(dump string, rows int) (*Past, error) {
	return readPast(context.Background(), dump, nil, rows)
}

// Words is how many texts are kept of the rows.
func (p *Past) Words() int { return len(p.words) }

// Lines reads a directory and returns the lines of every file that is made of it, before any is loaded.
func Lines(dir fs.FS) (map[string][]string, *Report, error) {
	report := &Report{}
	d, err := folder{fs: dir, path: "/conf"}.draft(report)
	if err != nil {
		return nil, report, err
	}
	lines := map[string][]string{}
	for name, text := range d.extra {
		lines[name] = strings.Split(string(text), "\n")
	}
	for _, f := range d.files {
		lines[f.name] = nil
		for _, l := range f.lines {
			lines[f.name] = append(lines[f.name], l.text)
		}
	}
	return lines, report, nil
}

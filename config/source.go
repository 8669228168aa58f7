package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// maxFile bounds one configuration file; nodes.conf with a hundred thousand nodes is about 5 MB.
const maxFile = 16 << 20

// source is a file as it was read, for the lines that diagnostics show.
type source struct {
	path  string
	text  []byte
	lines []string
}

func newSource(path string, text []byte) *source {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, "\r")
	}
	return &source{path: path, text: text, lines: lines}
}

// readSource reads a regular UTF-8 text file of a bounded size.
func readSource(path string) (*source, error) {
	text, err := readFile(path, maxFile)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(text) {
		return nil, errors.New("not a text file: invalid UTF-8")
	}
	return newSource(path, text), nil
}

// readFile reads a regular file, never more than limit bytes; the error does not repeat the path.
func readFile(path string, limit int64) ([]byte, error) {
	if err := regularFile(path); err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, bare(err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, bare(err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("larger than %d bytes", limit)
	}
	return text, nil
}

// regularFile refuses what is missing or is not a file; opening a FIFO would wait for ever.
func regularFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return bare(err)
	case info.IsDir():
		return errors.New("is a directory, not a file")
	case !info.Mode().IsRegular():
		return errors.New("is not a regular file")
	}
	return nil
}

// bare drops the operation and the path of a file error: the diagnostic names them already.
func bare(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// position is a place in a source; line 0 is the file as a whole.
type position struct {
	source       *source
	line, column int
}

// shift moves a position to the right.
func (p position) shift(bytes int) position {
	p.column += bytes
	return p
}

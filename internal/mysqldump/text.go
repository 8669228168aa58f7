package mysqldump

import (
	"errors"
	"io"
	"strings"
)

// inWord says whether a byte can be part of a word. Numbers and db.table are one word.
var inWord = func() (in [256]bool) {
	for c := range in {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
		in[c] = letter || strings.IndexByte("_$.+-@", byte(c)) >= 0
	}
	return in
}()

// symbols are the texts of single characters.
var symbols = func() (texts [256]string) {
	for c := range texts {
		texts[c] = string(rune(c))
	}
	return texts
}()

func (l *lexer) word(first byte) (token, error) {
	line := l.line
	l.begin()
	l.add(first)
	for {
		l.run(func(c byte) bool { return inWord[c] })
		c, err := l.read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return token{}, err
		}
		if !inWord[c] {
			if c == '\n' {
				l.line--
			}
			_ = l.in.UnreadByte() // it was just read
			break
		}
		l.add(c)
	}
	return l.token(word, line), nil
}

// run adds the bytes that are read ahead already, as long as they are plain. Line breaks are not: they are counted.
func (l *lexer) run(plain func(byte) bool) {
	ahead, _ := l.in.Peek(l.in.Buffered())
	n := 0
	for n < len(ahead) && plain(ahead[n]) {
		n++
	}
	if room := l.room(); n <= room {
		l.buffer = append(l.buffer, ahead[:n]...)
	} else {
		l.buffer = append(l.buffer, ahead[:room]...)
		l.cut = l.cut || l.keep
	}
	_, _ = l.in.Discard(n) // they are there
}

// quoted reads up to the quote that ends it. Two quotes are one; a backslash is an escape in texts only.
func (l *lexer) quoted(quote byte, k kind) (token, error) {
	line := l.line
	l.begin()
	for {
		l.run(func(c byte) bool { return c != quote && c != '\\' && c != '\n' })
		c, err := l.read()
		switch {
		case err == nil && c == quote && l.follows(string(rune(quote))):
			_, _ = l.read()
		case err == nil && c == quote:
			return l.token(k, line), nil
		case err == nil && c == '\\' && k == text:
			if c, err = l.read(); err == nil {
				l.escaped(c)
				continue
			}
		}
		if errors.Is(err, io.EOF) {
			return token{}, &CutError{line, map[kind]string{name: "name", text: "text"}[k]}
		}
		if err != nil {
			return token{}, err
		}
		l.add(c)
	}
}

// escaped adds what a backslash and a byte stand for (MySQL manual, string literals).
func (l *lexer) escaped(c byte) {
	switch c {
	case '0':
		c = 0
	case 'b':
		c = '\b'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'Z':
		c = 0x1a
	case '%', '_': // only patterns have a use for these: the backslash stays
		l.add('\\')
	}
	l.add(c)
}

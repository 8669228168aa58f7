package mysqldump

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// kind is what a token is.
type kind int

const (
	end    kind = iota
	word        // a keyword, a name without quotes, a number, 0x...
	name        // in backticks
	text        // in quotes
	symbol      // one other character
)

// token is one piece of SQL.
type token struct {
	kind kind
	text string // without quotes and escapes; empty when it was not kept
	line int
	cut  bool // longer than the bounds: text is its beginning
}

// is compares a symbol or, without case, a word.
func (t token) is(what string) bool {
	return (t.kind == word || t.kind == symbol) && strings.EqualFold(t.text, what)
}

// lexer cuts SQL into tokens and leaves comments out, the conditional ones too: what mysqldump has in them is no data.
type lexer struct {
	in        *bufio.Reader
	line      int
	keep      bool // texts and words are wanted; else they are passed over
	buffer    []byte
	cut       bool
	completed bool // the comment that ends a dump was there
}

func newLexer(r io.Reader) *lexer {
	return &lexer{in: bufio.NewReaderSize(r, 256<<10), line: 1, keep: true}
}

// next returns the next token. The error is a *CutError, or one of the stream.
func (l *lexer) next() (token, error) {
	for {
		c, err := l.read()
		if errors.Is(err, io.EOF) {
			return token{kind: end, line: l.line}, nil
		}
		if err != nil {
			return token{}, err
		}
		comment, err := l.comment(c)
		switch {
		case err != nil:
			return token{}, err
		case comment || c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
			continue
		case c == '`':
			return l.quoted(c, name)
		case c == '\'' || c == '"':
			return l.quoted(c, text)
		case inWord(c):
			return l.word(c)
		}
		return token{kind: symbol, text: string(rune(c)), line: l.line}, nil
	}
}

// read returns one byte and counts lines.
func (l *lexer) read() (byte, error) {
	c, err := l.in.ReadByte()
	if c == '\n' && err == nil {
		l.line++
	}
	return c, err
}

// follows says whether these bytes come next.
func (l *lexer) follows(what string) bool {
	ahead, _ := l.in.Peek(len(what))
	return string(ahead) == what
}

// comment passes over a comment that begins with c.
func (l *lexer) comment(c byte) (bool, error) {
	switch {
	case c == '#' || c == '-' && l.dash():
		return true, l.passLine()
	case c == '/' && l.follows("*"):
		begun := l.line
		_, _ = l.read() // the * that was seen
		for {
			c, err := l.read()
			switch {
			case errors.Is(err, io.EOF):
				return true, &CutError{begun, "comment"}
			case err != nil:
				return true, err
			case c == '*' && l.follows("/"):
				_, _ = l.read()
				return true, nil
			}
		}
	}
	return false, nil
}

// dash says whether a second - and a blank follow; --5 is a number.
func (l *lexer) dash() bool {
	ahead, _ := l.in.Peek(2)
	return len(ahead) > 0 && ahead[0] == '-' && (len(ahead) == 1 || ahead[1] <= ' ')
}

var lastWords = []byte("- Dump completed") // the first - is read already

// passLine passes over the rest of the line.
func (l *lexer) passLine() error {
	if ahead, _ := l.in.Peek(len(lastWords)); bytes.Equal(ahead, lastWords) {
		l.completed = true
	}
	for {
		c, err := l.read()
		if errors.Is(err, io.EOF) || err == nil && c == '\n' {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// inWord says whether a byte can be part of a word. Numbers and db.table are one word.
func inWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80 || strings.IndexByte("_$.+-@", c) >= 0
}

func (l *lexer) word(first byte) (token, error) {
	line := l.line
	l.begin()
	l.add(first)
	for {
		c, err := l.read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return token{}, err
		}
		if !inWord(c) {
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

// quoted reads up to the quote that ends it. Two quotes are one; a backslash is an escape in texts only.
func (l *lexer) quoted(quote byte, k kind) (token, error) {
	line := l.line
	l.begin()
	for {
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

func (l *lexer) begin() { l.buffer, l.cut = l.buffer[:0], false }

// add keeps a byte of a word or text; 0x and two digits a byte are the longest.
func (l *lexer) add(c byte) {
	switch {
	case len(l.buffer) >= 2*MaxValue+2:
		l.cut = true
	case l.keep || len(l.buffer) < maxName:
		l.buffer = append(l.buffer, c)
	}
}

func (l *lexer) token(k kind, line int) token {
	t := token{kind: k, line: line, cut: l.cut}
	if l.keep || k == word {
		t.text = string(l.buffer)
	}
	return t
}

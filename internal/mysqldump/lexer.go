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
	in := bufio.NewReaderSize(r, 256<<10)
	if mark, _ := in.Peek(3); string(mark) == "\xef\xbb\xbf" {
		_, _ = in.Discard(3) // they are there
	}
	return &lexer{in: in, line: 1, keep: true}
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
		case inWord[c]:
			return l.word(c)
		}
		return token{kind: symbol, text: symbols[c], line: l.line}, nil
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

func (l *lexer) begin() { l.buffer, l.cut = l.buffer[:0], false }

// room is how many bytes more of a word or text are kept; 0x and two digits a byte are the longest.
func (l *lexer) room() int {
	if l.keep {
		return 2*MaxValue + 2 - len(l.buffer)
	}
	return max(maxName-len(l.buffer), 0)
}

// add keeps a byte.
func (l *lexer) add(c byte) {
	if l.room() > 0 {
		l.buffer = append(l.buffer, c)
	} else {
		l.cut = l.cut || l.keep
	}
}

func (l *lexer) token(k kind, line int) token {
	t := token{kind: k, line: line, cut: l.cut}
	if l.keep || k == word {
		t.text = string(l.buffer)
	}
	return t
}

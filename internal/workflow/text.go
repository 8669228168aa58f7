package workflow

import "strings"

// Bounds of the texts that a failure brings, so that a node that talks without end costs its deployment little memory.
const (
	maxCause    = 512
	maxEvidence = 8 << 10
)

// head is the first n bytes of text at most, valid UTF-8.
func head(text string, n int) string {
	if len(text) > n {
		text = text[:n]
	}
	return strings.ToValidUTF8(text, "")
}

// tail is the last n bytes of text at most, valid UTF-8: the end of a log says more than its beginning.
func tail(text string, n int) string {
	if len(text) > n {
		text = text[len(text)-n:]
	}
	return strings.ToValidUTF8(text, "")
}

// oneLine is text with its line breaks as blanks, cut to what a cause may hold.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(head(text, maxCause), func(r rune) bool { return r == '\n' || r == '\r' }), " ")
}

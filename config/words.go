package config

import "strings"

// word is one blank-separated part of a line with its quotes taken off.
type word struct {
	text   string
	offset int
}

// words cuts a line at blanks as a POSIX shell does, and does nothing else that a shell does: 'raw', "with \" and \\",
// back\ slash. It also returns the offset of the first character outside single quotes that only a shell would
// understand, -1 when there is none. The error is a *fault.
func words(line string) (list []word, shell int, err error) {
	shell = -1
	for at := 0; at < len(line); {
		if line[at] == ' ' || line[at] == '\t' {
			at++
			continue
		}
		var text strings.Builder
		start := at
		for at < len(line) && line[at] != ' ' && line[at] != '\t' {
			next, special, err := unquote(&text, line, at)
			if err != nil {
				return nil, -1, err
			}
			if special >= 0 && shell < 0 {
				shell = special
			}
			at = next
		}
		list = append(list, word{text.String(), start})
	}
	return list, shell, nil
}

// unquote appends the character or the quoted string at a place of line to text, and returns the place after it and
// that of a character special to a shell, -1 when there is none.
func unquote(text *strings.Builder, line string, at int) (next, special int, err error) {
	switch c := line[at]; c {
	case '\'':
		end := strings.IndexByte(line[at+1:], '\'')
		if end < 0 {
			return 0, -1, faultf(at, "' without a second '")
		}
		text.WriteString(line[at+1 : at+1+end])
		return at + end + 2, -1, nil
	case '"':
		special = -1
		for i := at + 1; i < len(line); i++ {
			switch {
			case line[i] == '"':
				return i + 1, special, nil
			case line[i] == '\\' && i+1 < len(line) && strings.IndexByte(`"\$`+"`", line[i+1]) >= 0:
				i++
			case strings.IndexByte("$`", line[i]) >= 0 && special < 0:
				special = i
			}
			text.WriteByte(line[i])
		}
		return 0, -1, faultf(at, `" without a second "`)
	case '\\':
		if at+1 == len(line) {
			return 0, -1, faultf(at, `\ at the end of the line`)
		}
		text.WriteByte(line[at+1])
		return at + 2, -1, nil
	default:
		text.WriteByte(c)
		if strings.IndexByte("|&;<>()$`", c) >= 0 {
			return at + 1, at, nil
		}
		return at + 1, -1, nil
	}
}

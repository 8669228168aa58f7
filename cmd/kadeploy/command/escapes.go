package command

import "bytes"

// escapes finds the orders to the program itself in what is typed: ~ and a letter, after Enter, as of ssh.
type escapes struct {
	off       bool
	lineStart bool
	tilde     bool // one was typed there, and waits for the letter
}

// orders are the letters that mean something.
var orders = []byte(".w?")

// next returns what is to be sent before the first order in keys, the order (0: there is none), and what follows it.
func (e *escapes) next(keys []byte) (send []byte, order byte, rest []byte) {
	if e.off {
		return keys, 0, nil
	}
	for i, key := range keys {
		switch {
		case e.tilde && bytes.IndexByte(orders, key) >= 0:
			e.tilde, e.lineStart = false, true
			return send, key, keys[i+1:]
		case e.tilde:
			e.tilde = false
			if key != '~' {
				send = append(send, '~')
			}
		case e.lineStart && key == '~':
			e.tilde, e.lineStart = true, false
			continue
		}
		send = append(send, key)
		e.lineStart = key == '\r' || key == '\n'
	}
	return send, 0, nil
}

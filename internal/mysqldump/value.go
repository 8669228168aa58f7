package mysqldump

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// value reads one value that begins with t, and the token after it. Of a symbol, which is no value, nothing more is read.
func (r *Reader) value(t token) (v Value, wrong string, after token, err error) {
	if t.kind == symbol || t.kind == end {
		return v, fmt.Sprintf("%q is no value", t.text), t, nil
	}
	if after, err = r.lex.next(); err != nil {
		return v, "", after, err
	}
	form := ""
	if t.kind == word && after.kind == text { // X'4142', b'01', N'...', _binary '...'
		form = strings.ToLower(t.text)
		t = after
		if after, err = r.lex.next(); err != nil {
			return v, "", after, err
		}
	}
	if r.skip {
		return v, "", after, nil
	}
	v, err = literal(t, form)
	if err != nil {
		return v, err.Error(), after, nil
	}
	return v, "", after, nil
}

// literal is the value of a token.
func literal(t token, form string) (Value, error) {
	isHex := t.kind == word && len(t.text) > 2 && strings.EqualFold(t.text[:2], "0x")
	switch {
	case t.cut || len(t.text) > MaxValue && !isHex && form != "x":
		return Value{}, fmt.Errorf("a value is longer than %d bytes", MaxValue)
	case isHex:
		return unhex(t.text[2:])
	case t.kind == text && form == "x":
		return unhex(t.text)
	case t.kind == text && form == "b":
		n, err := strconv.ParseUint("0"+t.text, 2, 64)
		if err != nil {
			return Value{}, fmt.Errorf("b'%.20s' is no number in bits", t.text)
		}
		return Value{Text: strconv.FormatUint(n, 10)}, nil
	case t.kind == text && (form == "" || form == "n" || form[0] == '_'):
		return Value{Text: t.text}, nil
	case t.is("NULL"):
		return Value{Null: true}, nil
	case t.is("TRUE"):
		return Value{Text: "1"}, nil
	case t.is("FALSE"):
		return Value{Text: "0"}, nil
	case t.kind == word && isNumber(t.text):
		return Value{Text: t.text}, nil
	}
	return Value{}, fmt.Errorf("%.40q is no value", t.text)
}

func unhex(digits string) (Value, error) {
	b, err := hex.DecodeString(digits)
	if err != nil {
		return Value{}, fmt.Errorf("0x%.20s is not hexadecimal", digits)
	}
	return Value{Text: string(b)}, nil
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return strings.Trim(s, "0123456789+-.eE") == "" && (err == nil || errors.Is(err, strconv.ErrRange))
}

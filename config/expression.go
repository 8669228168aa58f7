package config

import (
	"math"
	"strconv"
	"strings"
)

// maxExpression bounds a timeout expression, and with it how deep it can nest.
const maxExpression = 500

// evaluate computes a timeout expression of Kadeploy3 (timeouts.reboot: 200 + 150*log(n)) for n nodes: + - * /,
// parentheses, numbers, n, and log, ln (both natural, as in Ruby), sqrt, min, max; Math.log is log.
func evaluate(text string, n float64) (float64, error) {
	if len(text) > maxExpression {
		return 0, faultf(maxExpression, "expression longer than %d characters", maxExpression)
	}
	e := &expression{text: text, n: n}
	result, err := e.sum()
	if err != nil {
		return 0, err
	}
	if e.at < len(text) {
		return 0, faultf(e.at, "unexpected %q in the expression", text[e.at:])
	}
	if math.IsNaN(result) || math.IsInf(result, 0) {
		return 0, faultf(0, "the expression has no value for %v node", n)
	}
	return result, nil
}

// expression is a recursive descent over text; at always stands on what comes next, never on a blank.
type expression struct {
	text string
	at   int
	n    float64
}

func (e *expression) sum() (float64, error) {
	return e.chain(e.product, "+-", func(a, b float64, op byte) float64 {
		if op == '-' {
			return a - b
		}
		return a + b
	})
}

func (e *expression) product() (float64, error) {
	return e.chain(e.factor, "*/", func(a, b float64, op byte) float64 {
		if op == '/' {
			return a / b
		}
		return a * b
	})
}

// chain reads operands joined by operators of one precedence, from left to right.
func (e *expression) chain(operand func() (float64, error), operators string, join func(a, b float64, op byte) float64) (float64, error) {
	result, err := operand()
	for err == nil && e.at < len(e.text) && strings.IndexByte(operators, e.text[e.at]) >= 0 {
		op := e.text[e.at]
		e.at++
		var next float64
		next, err = operand()
		result = join(result, next, op)
	}
	return result, err
}

func (e *expression) factor() (float64, error) {
	e.blanks()
	defer e.blanks()
	switch {
	case e.accept('-'):
		value, err := e.factor()
		return -value, err
	case e.accept('('):
		value, err := e.sum()
		if err == nil {
			err = e.expect(')')
		}
		return value, err
	}
	start := e.at
	if word := e.while(func(c byte) bool { return c >= '0' && c <= '9' || c == '.' }); word != "" {
		value, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return 0, faultf(start, "%q is not a number", word)
		}
		return value, nil
	}
	word := e.while(func(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == ':' })
	if word == "n" {
		return e.n, nil
	}
	return e.call(strings.TrimPrefix(strings.TrimPrefix(word, "Math."), "Math::"), start)
}

func (e *expression) call(name string, start int) (float64, error) {
	known := []string{"log", "ln", "sqrt", "min", "max"}
	if name == "" {
		return 0, faultf(start, "a number, n or a function is missing")
	}
	if choice(name, known...) != nil {
		return 0, &fault{offset: start, msg: "unknown name " + strconv.Quote(name), hint: "write n, log, ln, sqrt, min or max"}
	}
	e.blanks()
	if err := e.expect('('); err != nil {
		return 0, err
	}
	first, err := e.sum()
	if err != nil {
		return 0, err
	}
	second, two := first, false
	if e.accept(',') {
		two = true
		if second, err = e.sum(); err != nil {
			return 0, err
		}
	}
	if pair := name == "min" || name == "max"; pair != two {
		return 0, faultf(start, "%s takes %s", name, map[bool]string{true: "two arguments", false: "one argument"}[pair])
	}
	return apply(name, first, second), e.expect(')')
}

func apply(name string, a, b float64) float64 {
	switch name {
	case "sqrt":
		return math.Sqrt(a)
	case "min":
		return math.Min(a, b)
	case "max":
		return math.Max(a, b)
	}
	return math.Log(a)
}

func (e *expression) blanks() { e.while(func(c byte) bool { return c == ' ' || c == '\t' }) }

func (e *expression) while(is func(byte) bool) string {
	start := e.at
	for e.at < len(e.text) && is(e.text[e.at]) {
		e.at++
	}
	return e.text[start:e.at]
}

func (e *expression) accept(c byte) bool {
	if e.at < len(e.text) && e.text[e.at] == c {
		e.at++
		return true
	}
	return false
}

func (e *expression) expect(c byte) error {
	if !e.accept(c) {
		return faultf(e.at, "%q is missing in the expression", string(c))
	}
	return nil
}

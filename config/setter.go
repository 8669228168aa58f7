package config

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"time"
)

// setter checks a value and stores it.
type setter = func(*target, value) error

func setText(field func(*target) *string) setter {
	return func(t *target, v value) error {
		*field(t) = v.text
		return singleLine(v.text)
	}
}

// setChoice stores one of the known words.
func setChoice(field func(*target) *string, known ...string) setter {
	return func(t *target, v value) error {
		*field(t) = v.text
		return choice(v.text, known...)
	}
}

func setBool(field func(*target) *bool) setter {
	return func(t *target, v value) (err error) {
		*field(t), err = parseBool(v.text)
		return err
	}
}

func setInt(field func(*target) *int, least, most int) setter {
	return func(t *target, v value) (err error) {
		*field(t), err = parseInt(v.text, least, most)
		return err
	}
}

func setPort(field func(*target) *int) setter { return setInt(field, 1, 65535) }

// setSize stores bytes; a bare number counts units.
func setSize(field func(*target) *int64, unit int64) setter {
	return func(t *target, v value) (err error) {
		*field(t), err = parseSize(v.text, unit)
		return err
	}
}

// setSizeWithin stores bytes between two sizes, given as they are written; a bare number counts MiB.
func setSizeWithin(field func(*target) *int64, least, most string) setter {
	size := setSize(field, 1<<20)
	from, _ := parseSize(least, 1)
	to, _ := parseSize(most, 1)
	return func(t *target, v value) error {
		if err := size(t, v); err != nil {
			return err
		}
		if n := *field(t); n < from || n > to {
			return faultf(0, "%s is not between %s and %s", v.text, least, most)
		}
		return nil
	}
}

func setSeconds(field func(*target) *time.Duration) setter {
	return func(t *target, v value) (err error) {
		*field(t), err = parseSeconds(v.text)
		return err
	}
}

// setInterval stores a time that must not be zero: something waits for it again and again, or gives up after it.
func setInterval(field func(*target) *time.Duration) setter {
	seconds := setSeconds(field)
	return func(t *target, v value) error {
		if err := seconds(t, v); err != nil {
			return err
		}
		if *field(t) == 0 {
			return errors.New("must be more than 0 seconds")
		}
		return nil
	}
}

// setTimeout stores what a time or an expression of n is for one node.
func setTimeout(field func(*target) *time.Duration) setter {
	return func(t *target, v value) error {
		if d, err := parseSeconds(v.text); err == nil {
			*field(t) = d
		} else {
			seconds, err := evaluate(v.text, 1)
			if err != nil {
				return err
			}
			if *field(t), err = secondsOf(seconds); err != nil {
				return err
			}
		}
		if *field(t) == 0 {
			return errors.New("must be more than 0 seconds")
		}
		return nil
	}
}

// setNames stores items that are plain words: file systems, kernel modules, users.
func setNames(add func(t *target, name string)) setter {
	plain := regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@-]*$`)
	return func(t *target, v value) error {
		for _, item := range v.list(",") {
			if !plain.MatchString(item.text) {
				return item.at(faultf(0, "%q is not a name", item.text))
			}
			add(t, item.text)
		}
		return nil
	}
}

// setListen stores host:port; port 0 lets the system choose.
func setListen(field func(*target) *string) setter {
	return func(t *target, v value) error {
		host, port, err := net.SplitHostPort(v.text)
		if err != nil {
			return &fault{msg: fmt.Sprintf("%q is not an address and a port", v.text), hint: "write ADDRESS:PORT, such as 127.0.0.1:6969"}
		}
		if _, err := parseInt(port, 0, 65535); err != nil {
			return &fault{offset: strings.LastIndexByte(v.text, ':') + 1, msg: "port " + err.Error()}
		}
		*field(t) = net.JoinHostPort(host, port)
		return singleLine(v.text)
	}
}

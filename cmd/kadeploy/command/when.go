package command

import (
	"errors"
	"regexp"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func spanFlags(since string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "since", Value: since, Usage: "from `TIME` on: 7d or 12h ago, 2026-11-01, 2026-11-01T18:30:00Z"},
		&cli.StringFlag{Name: "until", Usage: "before `TIME`, written likewise (default: now)"},
	}
}

// spanOf reads --since and --until; what is not given is nil.
func spanOf(c *cli.Context, now time.Time) (since, until *timestamppb.Timestamp, err error) {
	var at [2]time.Time
	for i, name := range []string{"since", "until"} {
		text := c.String(name)
		if text == "" && !c.IsSet(name) {
			continue
		}
		if at[i], err = moment(text, now); err != nil {
			return nil, nil, usage(c.Command.Name, "--%s %s: %w", name, text, err)
		}
	}
	if !at[0].IsZero() && !at[1].IsZero() && !at[0].Before(at[1]) {
		return nil, nil, usage(c.Command.Name, "--since %s is not before --until %s", c.String("since"), c.String("until"))
	}
	return optional(at[0]), optional(at[1]), nil
}

func optional(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

var (
	errMoment = errors.New("not a time; like 7d, 12h, 2026-11-01 or 2026-11-01T18:30:00Z")
	ago       = regexp.MustCompile(`^([0-9]{1,4})([mhdw])$`)
	units     = map[string]time.Duration{"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}
)

// moment reads a time as people say it: so many minutes, hours, days or weeks before now, a date (from midnight on, here) or an
// exact time.
func moment(text string, now time.Time) (time.Time, error) {
	if m := ago.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1]) // some digits
		t := now.Add(-time.Duration(n) * units[m[2]])
		return t, checkMoment(t)
	}
	for _, layout := range []string{time.DateOnly, time.DateTime, "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, checkMoment(t)
		}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, errMoment
	}
	return t, checkMoment(t)
}

// checkMoment keeps to years that every part of the way can tell.
func checkMoment(t time.Time) error {
	if t.Year() < 1970 || t.Year() > 9000 {
		return errMoment
	}
	return nil
}

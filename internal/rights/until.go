package rights

import (
	"fmt"
	"time"
)

// maxLife bounds the life of a grant that has an end: what is longer was not meant.
const maxLife = 10 * 365 * 24 * time.Hour

// Until reads the end of a grant as people write it: a duration from now (2h, 90m), a time of today (18:30) in now's zone,
// or RFC 3339. It must be to come.
func Until(text string, now time.Time) (time.Time, error) {
	until, err := until(text, now)
	switch {
	case err != nil:
		return time.Time{}, err
	case !now.Before(until):
		return time.Time{}, fmt.Errorf("%s is over: it is %s", text, now.Format(time.DateTime))
	case until.Sub(now) > maxLife:
		return time.Time{}, fmt.Errorf("%s is more than ten years away; leave the end out for ever", text)
	}
	return until, nil
}

func until(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(d), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if t, err := time.Parse("15:04", text); err == nil {
		return time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), 0, 0, now.Location()), nil
	}
	return time.Time{}, fmt.Errorf("%.40q is no time: a duration (2h), a time of today (18:30), or like 2026-01-31T18:30:00Z", text)
}

package store

import "time"

// Counts are kept of each day and again of each month (both UTC), so that a year is answered from 12 periods and not from 365.
const (
	unitDay   = "day"
	unitMonth = "month"
)

// period is a day, numbered from 1970-01-01, or a month, numbered from the year 0.
type period struct {
	unit   string
	number int64
}

// periodsOf are those that a moment is in.
func periodsOf(t time.Time) [2]period {
	return [2]period{{unitDay, dayOf(t)}, {unitMonth, monthOf(t)}}
}

func dayOf(t time.Time) int64 {
	const day = 24 * 60 * 60
	n := t.Unix() / day
	if t.Unix()%day < 0 {
		n--
	}
	return n
}

func monthOf(t time.Time) int64 {
	t = t.UTC()
	return int64(t.Year())*12 + int64(t.Month()) - 1
}

// monthStart is the first day of a month.
func monthStart(month int64) int64 {
	return dayOf(time.Date(int(month/12), time.Month(month%12+1), 1, 0, 0, 0, 0, time.UTC))
}

// stretch is some periods of one unit that follow each other.
type stretch struct {
	unit        string
	first, last int64
}

// stretches are the periods that make up the days which touch a span of time, each day once: whole months, and days before and
// after them. A zero since is the beginning, a zero until the end of time.
func stretches(since, until time.Time) []stretch {
	if since.IsZero() {
		since = time.Unix(0, 0)
	}
	if until.IsZero() {
		until = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	first, last := dayOf(since), dayOf(until.Add(-time.Nanosecond))
	from, to := monthOf(since), monthOf(until)-1 // whole months, if from <= to
	if monthStart(from) < first {
		from++
	}
	var all []stretch
	add := func(s stretch) {
		if s.first <= s.last {
			all = append(all, s)
		}
	}
	if from > to {
		add(stretch{unitDay, first, last})
		return all
	}
	add(stretch{unitDay, first, monthStart(from) - 1})
	add(stretch{unitMonth, from, to})
	add(stretch{unitDay, monthStart(to + 1), last})
	return all
}

// within is a condition on the columns unit, period and op_kind; never true when there are no stretches. kind "" is every kind.
func within(all []stretch, kind string) conditions {
	var c conditions
	for _, s := range all {
		if kind != "" {
			c.add("(unit = ? AND period >= ? AND period <= ? AND op_kind = ?)", s.unit, s.first, s.last, name(kind))
			continue
		}
		c.add("(unit = ? AND period >= ? AND period <= ?)", s.unit, s.first, s.last)
	}
	return c
}

package config

import (
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

// databaseKeys say where the daemon keeps what it must not forget, and for how long.
func databaseKeys() []*key {
	return []*key{
		{name: "database", set: setDatabase,
			fallback: func(t *target) string { return "sqlite:" + filepath.Join(t.global.StateDir, "kadeploy.db") },
			doc:      "database of requests and their history, environments, users and rights, and what runs where: sqlite:/PATH or postgres://USER@HOST/DATABASE; default sqlite:STATE_DIR/kadeploy.db"},
		{name: "history_keep", form: number, initial: one("365"), set: setDays(func(t *target) *time.Duration { return &t.global.HistoryKeep }),
			doc: "how long operations that have ended are kept, in days; 0 is for ever"},
		{name: "statistics_keep", form: number, initial: one("1825"), set: setDays(func(t *target) *time.Duration { return &t.global.StatisticsKeep }),
			doc: "how long what is counted of operations is kept, in days; 0 is for ever"},
	}
}

// setDatabase takes a URL without a password: every user may read the configuration, and PostgreSQL has places for that.
func setDatabase(t *target, v value) error {
	u, err := url.Parse(v.text)
	switch {
	case err != nil:
		return &fault{msg: "no URL", hint: "write sqlite:/PATH/kadeploy.db or postgres://USER@HOST/DATABASE"}
	case u.Scheme == "sqlite" && filepath.IsAbs(strings.TrimPrefix(v.text, "sqlite:")):
	case (u.Scheme == "postgres" || u.Scheme == "postgresql") && len(u.Path) > 1:
		if _, set := u.User.Password(); set || u.Query().Has("password") {
			return &fault{msg: "a password does not belong here", hint: "put it into the file ~/.pgpass of the daemon's user (or PGPASSFILE)"}
		}
	default:
		return &fault{msg: "not the URL of a database", hint: "write sqlite:/PATH/kadeploy.db or postgres://USER@HOST/DATABASE"}
	}
	t.global.Database = v.text
	return nil
}

// setDays takes whole days.
func setDays(field func(*target) *time.Duration) setter {
	return func(t *target, v value) error {
		n, err := parseInt(v.text, 0, 36_500)
		*field(t) = time.Duration(n) * 24 * time.Hour
		return err
	}
}

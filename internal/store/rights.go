package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/kadeploy/kadeploy/internal/rights"
	"github.com/kadeploy/kadeploy/internal/store/fit"
)

// Rights is the book of users and rights as it is kept; an empty one when none ever was. A row that cannot be of a book is an error that
// names it: a book that was read in part would take rights away.
func (s *Store) Rights(ctx context.Context) (*rights.Book, error) {
	users, err := list(ctx, s, usersTable.scan, usersTable.read)
	if err != nil {
		return nil, err
	}
	grants, err := list(ctx, s, rightsTable.scan, rightsTable.read)
	if err != nil {
		return nil, err
	}
	b := rights.New()
	for _, u := range users {
		if _, err := b.AddUser(u.Name, u.Admin, u.Since); err != nil {
			return nil, s.fault(fmt.Errorf("table users: %w; mend or delete that row", err))
		}
	}
	for _, g := range grants {
		if err := b.Put(g); err != nil {
			return nil, s.fault(fmt.Errorf("table rights, %.70q on %.70q: %w; mend or delete that row", g.User, g.Node, err))
		}
	}
	return b, nil
}

// KeepRights makes the tables hold a book and nothing else, in one transaction. What is there already is not touched, so that a small
// change writes little. Errors as of Write; after ErrUnavailable the book before is there, or this one. Rights that are given need the
// room on the disk that the beginning of an operation needs, those that are only taken away do not.
func (s *Store) KeepRights(ctx context.Context, b *rights.Book) error {
	users, grants := b.Users(), b.Grants()
	for _, g := range grants {
		if err := keepable(g); err != nil {
			return err
		}
	}
	room := s.keepRoom(ctx)
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := usersTable.keep(ctx, tx, users, room); err != nil {
			return err
		}
		return rightsTable.keep(ctx, tx, grants, room)
	})
}

// keepable refuses what would not come back as it is.
func keepable(g rights.Grant) error {
	for _, s := range []string{g.User, g.Node, g.Part, g.By} {
		if s != name(s) {
			return fmt.Errorf("right of %q: %q is no name that can be kept: at most %d bytes", fit.Clip(g.User, 40), fit.Clip(s, 40), maxName)
		}
	}
	if !g.Until.IsZero() && g.Until.Unix() <= 0 {
		return fmt.Errorf("right of %s to %s: it ended before 1970", g.User, g.Node)
	}
	return nil
}

var usersTable = table[rights.User]{
	read:   `SELECT name, admin, since FROM users`,
	remove: `DELETE FROM users WHERE name IN (VALUES %s)`,
	write: `INSERT INTO users (name, admin, since) VALUES %s
		ON CONFLICT (name) DO UPDATE SET admin = excluded.admin, since = excluded.since`,
	scan: func(r *sql.Rows) (u rights.User, err error) {
		var admin, since int64
		err = r.Scan(&u.Name, &admin, &since)
		u.Admin, u.Since = admin != 0, timeOf(since)
		return u, err
	},
	key:  func(u rights.User) rights.User { return rights.User{Name: u.Name} },
	keys: 1,
	values: func(u rights.User) []any {
		admin := 0
		if u.Admin {
			admin = 1
		}
		return []any{u.Name, admin, micros(u.Since)}
	},
}

var rightsTable = table[rights.Grant]{
	read:   `SELECT username, node, part, until, granted_by, since FROM rights`,
	remove: `DELETE FROM rights WHERE (username, node, part) IN (VALUES %s)`,
	write: `INSERT INTO rights (username, node, part, until, granted_by, since) VALUES %s
		ON CONFLICT (username, node, part) DO UPDATE SET until = excluded.until, granted_by = excluded.granted_by, since = excluded.since`,
	scan: func(r *sql.Rows) (g rights.Grant, err error) {
		var until, since int64
		err = r.Scan(&g.User, &g.Node, &g.Part, &until, &g.By, &since)
		g.Until, g.At = timeOf(until), timeOf(since)
		return g, err
	},
	key:  func(g rights.Grant) rights.Grant { return rights.Grant{User: g.User, Node: g.Node, Part: g.Part} },
	keys: 3,
	values: func(g rights.Grant) []any {
		return []any{g.User, g.Node, g.Part, micros(g.Until), g.By, micros(g.At)}
	},
}

package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// postgresServer is the engine of a database of PostgreSQL.
type postgresServer struct {
	*Store
	claimed atomic.Bool // each connection that writes holds the lock
}

// reignLock is the advisory lock of the server that writes; locks of PostgreSQL are of one database each.
const reignLock = 0x6b616465706c6f79 // "kadeploy"

// lock holds the database for the connection that writes, and for each one that takes its place. It ends with it.
func (p *postgresServer) lock(ctx context.Context) (free bool, err error) {
	err = p.write.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", int64(reignLock)).Scan(&free)
	p.claimed.Store(free && err == nil)
	return free, err
}

func (p *postgresServer) unlock() error { return nil }

// connected makes a connection that writes what it has to be. The lock may be held by the connection before, whose end PostgreSQL has not
// seen yet: that is no other server, and if one comes, the epoch of its reign keeps this one from writing.
func (p *postgresServer) connected(ctx context.Context, c *pgx.Conn) error {
	err := durable(ctx, c)
	if err == nil && p.claimed.Load() {
		_, err = c.Exec(ctx, "SELECT pg_try_advisory_lock($1)", int64(reignLock))
	}
	if err != nil {
		_ = c.Close(ctx) // nobody else does
	}
	return err
}

// deadAfter has PostgreSQL find out within half a minute that a server is gone, and let go of its lock.
var deadAfter = map[string]string{"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}

func (s *Store) openPostgres(ctx context.Context, url string) error {
	c, err := pgx.ParseConfig(url)
	if err != nil { // not shown: it may hold a password
		return errors.New("database URL: expected postgres://USER@HOST:PORT/DATABASE; in a password, % and @ and / are written %25, %40, %2F")
	}
	s.name = fmt.Sprintf("%s on %s", c.Database, c.Host)
	p := &postgresServer{Store: s}
	s.engine = p
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 10 * time.Second
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "kadeploy"
	}
	for key, value := range deadAfter {
		if c.RuntimeParams[key] == "" {
			c.RuntimeParams[key] = value
		}
	}
	s.write = stdlib.OpenDB(*c, stdlib.OptionAfterConnect(p.connected))
	s.write.SetMaxOpenConns(1)
	s.read = stdlib.OpenDB(*c)
	s.read.SetMaxOpenConns(maxRead)
	if s.asIs {
		return nil
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60)) // two servers may start at once; each second, for a minute
	if err != nil {
		return err
	}
	return p.explain(s.migrate(ctx, goose.DialectPostgres, goose.WithSessionLocker(locker)))
}

// durable sees to it that a commit waits for the disk, whatever the server's default is; stricter settings stay.
func durable(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'")
	return err
}

func (p *postgresServer) check(ctx context.Context) error {
	var n int
	return p.explain(p.read.QueryRowContext(ctx, "SELECT count(*) FROM operations WHERE id = ''").Scan(&n))
}

func (p *postgresServer) size(ctx context.Context) (int64, error) {
	var n int64
	err := p.read.QueryRowContext(ctx, "SELECT pg_database_size(current_database())").Scan(&n)
	return n, p.explain(err)
}

func (p *postgresServer) backup(context.Context, string) error {
	return p.fault(errors.New("a backup of PostgreSQL is made by its own tools: pg_dump --format=custom --file=FILE DATABASE"))
}

func (p *postgresServer) again(err error) bool {
	switch state(err) {
	case "40001", "40P01": // lost against another transaction
		return true
	}
	var connect *pgconn.ConnectError // there is none to talk to: the caller knows how long to wait
	return p.lost(err) && !errors.As(err, &connect)
}

// lost tells whether there was no server at the other end.
func (p *postgresServer) lost(err error) bool {
	switch code := state(err); {
	case code == "57P01", code == "57P02", code == "57P03": // it stops, crashes, starts
		return true
	case code != "":
		return code[:2] == "08"
	}
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, &connect) || errors.As(err, &network) && !errors.Is(err, context.DeadlineExceeded)
}

func (p *postgresServer) explain(err error) error {
	if err == nil {
		return nil
	}
	if p.lost(err) {
		return p.fault(fmt.Errorf("%w: %s", ErrUnavailable, wording.Clean(err.Error()))) // some have lines
	}
	switch state(err) {
	case "":
		return err
	case "23503":
		return p.fault(fmt.Errorf("the operation of a fact %w", ErrUnknown))
	case "53100":
		return p.fault(fmt.Errorf("%w of its server: nothing was written; make room", ErrFull))
	case "XX001", "XX002":
		return &DamagedError{Database: p.name, Detail: err.Error()}
	}
	return p.fault(err)
}

// state is the five characters of SQLSTATE, "" for an error that is not the server's.
func state(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// Room on the server's disk is its administrator's business.
func (p *postgresServer) keepRoom(context.Context) error { return nil }

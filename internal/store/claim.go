package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ErrFenced: another server has claimed the database since this one did. This one may write no more, and must end: nobody knows what it does.
var ErrFenced = errors.New("another server has taken the database over")

// HeldError tells that another server that lives writes the database.
type HeldError struct {
	Database string
	Holder   string // as that one named itself, "" when it has not done so yet
	Since    time.Time
}

func (e *HeldError) Error() string {
	who := "another server"
	if e.Holder != "" {
		who = fmt.Sprintf("the server %s since %s", e.Holder, e.Since.Local().Format(time.DateTime))
	}
	return fmt.Sprintf("database %s is used by %s: stop that one, or name another database", e.Database, who)
}

const (
	claimTime  = 10 * time.Second // for a server that was killed to be gone
	claimPause = 100 * time.Millisecond
)

// Claim makes this program the one server that writes the database, until it ends, however that be. From then on what another has claimed
// after it fails with ErrFenced here: two servers never write beside each other, whatever happens to networks and locks. It fails with
// HeldError while another one lives.
func (s *Store) Claim(ctx context.Context, holder string) error {
	ctx, cancel := context.WithTimeout(ctx, claimTime)
	defer cancel()
	if err := s.hold(ctx); err != nil {
		return err
	}
	return s.begin(ctx, holder)
}

// hold keeps others from claiming the database, as Claim does, but writes nothing into it.
func (s *Store) hold(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, claimTime)
	defer cancel()
	for {
		free, err := s.lock(ctx)
		if err != nil {
			return s.explain(err)
		}
		if free {
			return nil
		}
		select {
		case <-ctx.Done():
			return s.held()
		case <-time.After(claimPause):
		}
	}
}

func (s *Store) begin(ctx context.Context, holder string) error {
	var epoch int64
	err := s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `UPDATE reign SET epoch = epoch + 1, holder = $1, since = $2 WHERE id = 1 RETURNING epoch`,
			name(holder), micros(time.Now())).Scan(&epoch)
	})
	s.epoch.Store(epoch)
	return err
}

// reigns holds the row of the reign until the transaction ends, or says that it is another's.
func (s *Store) reigns(ctx context.Context, tx *sql.Tx) error {
	epoch := s.epoch.Load()
	if epoch == 0 {
		return nil
	}
	n, err := affected(tx.ExecContext(ctx, `UPDATE reign SET epoch = epoch WHERE id = 1 AND epoch = $1`, epoch))
	if err == nil && n == 0 {
		err = s.fault(ErrFenced)
	}
	return err
}

func (s *Store) held() error {
	ctx, cancel := context.WithTimeout(context.Background(), claimTime)
	defer cancel()
	held := &HeldError{Database: s.name}
	var since int64
	err := s.read.QueryRowContext(ctx, `SELECT holder, since FROM reign WHERE id = 1`).Scan(&held.Holder, &since)
	if err != nil {
		return errors.Join(held, s.explain(err))
	}
	held.Since = timeOf(since)
	return held
}

package store

import "context"

// Exec runs a statement of a test on the connection that writes.
func (s *Store) Exec(ctx context.Context, query string, args ...any) error {
	_, err := s.write.ExecContext(ctx, query, args...)
	return err
}

// Count is the number that a query of a test gives.
func (s *Store) Count(ctx context.Context, query string, args ...any) (n int, err error) {
	err = s.read.QueryRowContext(ctx, query, args...).Scan(&n)
	return n, err
}

// Setting is what the connection that writes answers to a question of a test.
func (s *Store) Setting(ctx context.Context, query string) (value string, err error) {
	err = s.write.QueryRowContext(ctx, query).Scan(&value)
	return value, err
}

// LoseLock has the server believe that it holds what it does not hold any more.
func LoseLock(s *Store) {
	_ = s.unlock()
	_, _ = s.write.Exec("SELECT pg_advisory_unlock($1)", int64(reignLock)) // SQLite does not know it
}

var (
	BucketOf = bucketOf
	Middle   = middle
)

const MaxBucket = maxBucket

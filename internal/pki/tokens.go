package pki

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Bounds of tokens.
const (
	maxTokens    = 10_000
	maxTokenLife = 30 * 24 * time.Hour
	maxToken     = 256 // bytes of what may be one
)

// ErrToken is all that is said of a token that is no good, whether it never was one, was used, or has expired: who tries tokens
// learns nothing.
var ErrToken = errors.New("the token is unknown, was used already or has expired: ask for a new one")

// TokensConfig is what OpenTokens needs.
type TokensConfig struct {
	Dir string           // as Config.Dir; usually the same
	Now func() time.Time // time.Now when nil
}

// Tokens are secrets of which each says once who its bearer is. Only hashes of them are kept. Safe for concurrent use, also by several
// processes.
type Tokens struct {
	now   func() time.Time
	known *ledger[token]
}

// token is a line of the file, whose keys are hexadecimal SHA-256 of tokens.
type token struct {
	Identity Identity  `json:"identity"`
	Expires  time.Time `json:"expires"`
}

// OpenTokens opens the tokens of a directory.
func OpenTokens(c TokensConfig) (*Tokens, error) {
	v, err := openVault(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	t := &Tokens{now: c.Now, known: &ledger[token]{vault: v, name: "tokens.json", most: maxTokens, check: checkToken}}
	if t.now == nil {
		t.now = time.Now
	}
	if err := t.known.view(func(map[string]token) {}); err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	return t, nil
}

func checkToken(digest string, t token) error {
	if b, err := hex.DecodeString(digest); err != nil || len(b) != sha256.Size || !tokenable(t.Identity) || t.Expires.IsZero() {
		return errors.New("no token")
	}
	return nil
}

// tokenable says whom a token may be for. Nobody becomes the server by a token.
func tokenable(id Identity) bool {
	_, err := check(id)
	return err == nil && id.Kind != KindDaemon
}

// New makes a token for a user or a node that is good for at most 30 days: 52 letters and digits, of 260 random bits. There can be
// 10,000 at a time. Each costs writing the file: some ms when there are few, some tens of ms when there are thousands.
func (t *Tokens) New(id Identity, life time.Duration) (string, error) {
	if !tokenable(id) {
		return "", fmt.Errorf("tokens: %w: %s", ErrKind, id)
	}
	if life <= 0 || life > maxTokenLife {
		return "", fmt.Errorf("tokens: a token cannot live for %s: want more than nothing and at most %s", life, maxTokenLife)
	}
	text := rand.Text() + rand.Text()
	if err := t.known.change(func(all map[string]token) error {
		now := t.now()
		for digest, old := range all {
			if !now.Before(old.Expires) {
				delete(all, digest)
			}
		}
		all[digestOf(text)] = token{Identity: id, Expires: now.Add(life)}
		return nil
	}); err != nil {
		return "", fmt.Errorf("tokens: %w", err)
	}
	return text, nil
}

// Redeem says who the bearer of a token is, once: that it was used is on the disk before the answer is given. ErrToken when it is
// not good; any other error when that could not be told or written.
func (t *Tokens) Redeem(text string) (Identity, error) {
	if text == "" || len(text) > maxToken {
		return Identity{}, ErrToken
	}
	digest := digestOf(text) // looked up by hash: the time that takes tells nothing of the tokens there are
	var found token
	take := func(all map[string]token) error {
		var ok bool
		if found, ok = all[digest]; !ok || !t.now().Before(found.Expires) {
			return ErrToken
		}
		delete(all, digest)
		return nil
	}
	looks := ErrToken
	err := t.known.view(func(all map[string]token) {
		if _, ok := all[digest]; ok {
			looks = nil
		}
	})
	if err == nil {
		err = looks // guesses cost no lock and no writing
	}
	if err == nil {
		err = t.known.change(take)
	}
	switch {
	case errors.Is(err, ErrToken):
		return Identity{}, ErrToken
	case err != nil:
		return Identity{}, fmt.Errorf("tokens: %w", err)
	}
	return found.Identity, nil
}

// Withdraw makes the tokens of an identity that were not used yet worthless, durably.
func (t *Tokens) Withdraw(id Identity) error {
	if err := t.known.change(func(all map[string]token) error {
		for digest, one := range all {
			if one.Identity == id {
				delete(all, digest)
			}
		}
		return nil
	}); err != nil {
		return fmt.Errorf("tokens: %w", err)
	}
	return nil
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

package imagecache

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Length asks once how long a file is, in bytes, and fetches nothing. It takes as long as a server may be silent, at most. The error is one line
// that names the URL, without its query.
func (c *Cache) Length(ctx context.Context, url string) (int64, error) {
	from, err := parseURL(url)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.Silence, errSilent)
	defer cancel()
	n, err := c.length(ctx, from)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", from, err)
	}
	return n, nil
}

// length makes the request of a fetch and hangs up when the head of the answer is there: URLs that are signed for a fetch do not take HEAD.
func (c *Cache) length(ctx context.Context, from address) (int64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from.url.String(), nil)
	if err != nil {
		return 0, err
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return 0, failed(ctx, err)
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode != http.StatusOK:
		return 0, &StatusError{answer.StatusCode}
	case answer.ContentLength < 0:
		return 0, errors.New("its server does not say how long it is")
	}
	return answer.ContentLength, nil
}

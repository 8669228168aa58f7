package enrol

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// patience bounds a call, if the context does not.
const patience = 30 * time.Second

// caller makes one call on a new connection.
type caller struct {
	base string
	http *http.Transport
}

func overTLS(addr string, config *tls.Config) caller {
	c := over("tcp", addr)
	c.base = "https://server" // the name matters to nobody
	c.http.TLSClientConfig = config
	return c
}

func overSocket(path string) caller {
	c := over("unix", path)
	c.base = "http://socket"
	return c
}

func over(network, addr string) caller {
	return caller{http: &http.Transport{
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxBody,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
	}}
}

func (c caller) post(ctx context.Context, path string, in any) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.RoundTrip(request) // no redirections
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, explain(response.StatusCode, text)
	}
	var a answer
	if json.Unmarshal(text, &a) != nil {
		return nil, errors.New("the answer is not one of a kadeploy server")
	}
	return &a, nil
}

// explain is the error of an answer. The text is the server's, or somebody's: it is made one short harmless line.
func explain(status int, text []byte) error {
	var f failure
	if json.Unmarshal(text, &f) != nil || f.Error == "" {
		f.Error = http.StatusText(status)
	}
	line := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r > 0x7e {
			return '?'
		}
		return r
	}, f.Error)
	line = line[:min(len(line), 300)]
	if status >= 400 && status < 500 && status != http.StatusTooManyRequests {
		return fmt.Errorf("%w: %s", ErrRefused, line)
	}
	return fmt.Errorf("the server answers: %s", line)
}

package imagecache

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/kadeploy/kadeploy/internal/wording"
)

const maxRedirects = 5

// newClient follows few redirects, verifies certificates, and has no bound on the length of an answer, only on silence.
func newClient(c Config) *http.Client {
	return &http.Client{
		CheckRedirect: checkRedirect,
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: c.Silence}).DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.RootCAs},
			TLSHandshakeTimeout:    c.Silence,
			ResponseHeaderTimeout:  c.Silence,
			IdleConnTimeout:        c.Silence,
			MaxIdleConns:           maxFetches,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true, // the bytes of the file are wanted, not what they would unpack to
		},
	}
}

func checkRedirect(next *http.Request, via []*http.Request) error {
	switch {
	case len(via) > maxRedirects:
		return final(fmt.Errorf("it is redirected more than %d times", maxRedirects))
	case via[len(via)-1].URL.Scheme == "https" && next.URL.Scheme != "https":
		return final(errors.New("it is redirected from https to " + next.URL.Scheme))
	}
	if err := fetchable(next.URL); err != nil {
		return final(fmt.Errorf("it is redirected: %w", err))
	}
	return nil
}

// round is one request: for all of the file, for the rest of it, or for whether it has changed.
func (d *download) round(ctx context.Context) (unchanged bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(d.cfg.Silence, func() { cancel(errSilent) })
	defer silence.Stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.from.url.String(), nil)
	if err != nil {
		return false, final(err)
	}
	rest := d.have > 0 && d.info.Validator != ""
	switch {
	case rest:
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.have))
		request.Header.Set("If-Range", d.info.Validator)
	case d.last != nil && d.last.ETag != "":
		request.Header.Set("If-None-Match", d.last.ETag)
	case d.last != nil && d.last.Modified != "":
		request.Header.Set("If-Modified-Since", d.last.Modified)
	}
	answer, err := d.http.Do(request)
	if err != nil {
		return false, failed(ctx, err)
	}
	defer answer.Body.Close()
	switch code := answer.StatusCode; {
	case code == http.StatusOK:
		err = d.restart(infoOf(answer, answer.ContentLength))
	case code == http.StatusPartialContent && rest:
		if !d.goesOn(answer) {
			return false, d.again("its server sent another part than the one that was asked for")
		}
	case code == http.StatusRequestedRangeNotSatisfiable && rest:
		return false, d.again("its server has less of it now than before")
	case code == http.StatusNotModified && !rest && d.last != nil:
		return true, nil
	case code == http.StatusTooManyRequests || code == http.StatusRequestTimeout || code >= 500:
		return false, &StatusError{code}
	default:
		return false, final(&StatusError{code})
	}
	if err != nil {
		return false, err
	}
	if err := d.reserve(d.info.Size); err != nil {
		return false, final(err)
	}
	return false, d.body(ctx, answer.Body, silence)
}

// again makes the next round one for the whole file.
func (d *download) again(why string) error {
	if err := d.restart(info{Size: -1}); err != nil {
		return err
	}
	return errors.New(why)
}

// body takes bytes until they end, and says whether that is the end of the file.
func (d *download) body(ctx context.Context, r io.Reader, silence *time.Timer) error {
	buffer := make([]byte, readSize)
	for {
		silence.Reset(d.cfg.Silence)
		n, err := r.Read(buffer)
		silence.Stop() // the time of our disk is not the server's
		if n > 0 {
			if err := d.take(buffer[:n]); err != nil {
				return err
			}
		}
		switch {
		case err == nil:
		case !errors.Is(err, io.EOF):
			return failed(ctx, err)
		case d.info.Size >= 0 && d.have != d.info.Size:
			return fmt.Errorf("it ends after %d of %d bytes", d.have, d.info.Size)
		case d.have == 0:
			return final(errors.New("it is empty"))
		default:
			return nil
		}
	}
}

// failed words an error of the way, and tells what will not pass by itself.
func failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if isFinal(err) {
		var f *finalError
		errors.As(err, &f)
		return f
	}
	var of *url.Error
	if errors.As(err, &of) { // its text has the whole URL
		err = of.Err
	}
	var certificate *tls.CertificateVerificationError
	var name *net.DNSError
	switch {
	case errors.As(err, &certificate):
		return final(fmt.Errorf("its server's certificate is not good: %w", certificate.Err))
	case errors.As(err, &name) && name.IsNotFound:
		return final(fmt.Errorf("nobody knows a machine named %s", wording.Clean(name.Name)))
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("it was cut off")
	case errors.Is(err, context.DeadlineExceeded): // of a connection, or of the head of an answer
		return errSilent
	}
	return err
}

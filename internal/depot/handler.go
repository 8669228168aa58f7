package depot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// PathPrefix is where files are on the server; a digest follows.
const PathPrefix = "/v1/files/sha256/"

// Header fields and the media type of draft-ietf-httpbis-resumable-upload-10.
const (
	offsetField   = "Upload-Offset"
	completeField = "Upload-Complete"
	lengthField   = "Upload-Length"
	mediaType     = "application/partial-upload"

	yes, no = "?1", "?0" // booleans of structured fields, RFC 9651
)

// Handler serves the depot over HTTP to whoever identity knows; it must take who somebody is from the connection, never from
// what the request says. The words are those of Resumable Uploads for HTTP (draft-ietf-httpbis-resumable-upload-10, "Offset
// Retrieval", "Upload Append", "Concurrency"), but an upload needs no creation: its resource is named by the file's digest.
//
//	HEAD /v1/files/sha256/HEX?size=N    204 with Upload-Offset, Upload-Complete and Upload-Length; 413 when N is too much for any file
//	PATCH /v1/files/sha256/HEX?size=N   Upload-Offset says where the body goes on.
//	                                    201 the file is whole and the owner's; 204 bytes are missing; 409 another offset, which the
//	                                    answer's Upload-Offset says; 413 too big; 422 the digest is wrong, nothing is left;
//	                                    507 no room, for the owner or at all, or a full disk; 503 try again later
//
// 400 is a request that cannot be right, 403 somebody unknown, 408 a body that was silent for Config.Silence. Answers that are
// no success carry one line of text.
func Handler(d *Depot, identity func(*http.Request) (owner string, ok bool)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		owner, ok := identity(r)
		if !ok {
			fail(w, http.StatusForbidden, "who asks is not known here")
			return
		}
		digest, size, err := target(r)
		switch {
		case err != nil:
			fail(w, http.StatusBadRequest, err.Error())
		case r.Method == http.MethodHead:
			d.head(w, r, owner, digest, size)
		case r.Method == http.MethodPatch:
			d.patch(w, r, owner, digest, size)
		default:
			w.Header().Set("Allow", "HEAD, PATCH")
			fail(w, http.StatusMethodNotAllowed, "files are asked for with HEAD and sent with PATCH")
		}
	})
}

func (d *Depot) head(w http.ResponseWriter, r *http.Request, owner string, digest Digest, size int64) {
	if err := d.tooBig(size); err != nil {
		d.answer(w, 0, err)
		return
	}
	have, complete, err := d.Status(r.Context(), owner, digest)
	if err != nil {
		d.answer(w, have, err)
		return
	}
	tell(w, have, complete)
	w.Header().Set(lengthField, strconv.FormatInt(size, 10))
	w.WriteHeader(http.StatusNoContent)
}

func (d *Depot) patch(w http.ResponseWriter, r *http.Request, owner string, digest Digest, size int64) {
	if r.Header.Get("Content-Type") != mediaType {
		fail(w, http.StatusUnsupportedMediaType, "the body must be "+mediaType)
		return
	}
	offset, err := number(r.Header.Values(offsetField))
	if err != nil {
		fail(w, http.StatusBadRequest, offsetField+" "+err.Error())
		return
	}
	body := newBody(r.Body, http.NewResponseController(w), d.cfg.Silence)
	have, err := d.Append(r.Context(), owner, digest, size, offset, body)
	switch {
	case err != nil:
		d.answer(w, have, err)
	case have < size:
		tell(w, have, false)
		w.WriteHeader(http.StatusNoContent)
	default:
		tell(w, have, true)
		w.WriteHeader(http.StatusCreated)
	}
}

func tell(w http.ResponseWriter, have int64, complete bool) {
	w.Header().Set(offsetField, strconv.FormatInt(have, 10))
	w.Header().Set(completeField, no)
	if complete {
		w.Header().Set(completeField, yes)
	}
}

// answer says what became of a request that failed.
func (d *Depot) answer(w http.ResponseWriter, have int64, err error) {
	var (
		offset *OffsetError
		digest *DigestError
		big    *TooBigError
		quota  *QuotaError
		full   *FullError
	)
	status := http.StatusInternalServerError
	switch {
	case errors.As(err, &offset):
		have, status = offset.Have, http.StatusConflict
	case errors.Is(err, ErrSuperseded):
		status = http.StatusConflict
	case errors.As(err, &digest):
		status = http.StatusUnprocessableEntity
	case errors.As(err, &big):
		status = http.StatusRequestEntityTooLarge
	case errors.As(err, &quota), errors.As(err, &full):
		status = http.StatusInsufficientStorage
	case errors.Is(err, ErrBusy), errors.Is(err, ErrClosed):
		w.Header().Set("Retry-After", "5")
		status = http.StatusServiceUnavailable
	case errors.Is(err, ErrOwner):
		status = http.StatusForbidden
	case errors.Is(err, errSilent):
		status = http.StatusRequestTimeout
	case errors.Is(err, context.Canceled), errors.Is(err, errBody):
		status = http.StatusBadRequest // nobody is there to read it
	}
	tell(w, have, false)
	fail(w, status, err.Error())
}

func fail(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	fmt.Fprintln(w, wording.Clean(text))
}

// target reads which file is meant, and its size.
func target(r *http.Request) (Digest, int64, error) {
	name, found := strings.CutPrefix(r.URL.Path, PathPrefix)
	if !found {
		return Digest{}, 0, errors.New("files are at " + PathPrefix + "DIGEST?size=BYTES")
	}
	digest, err := ParseDigest(name)
	if err != nil {
		return Digest{}, 0, err
	}
	size, err := number(r.URL.Query()["size"])
	if err != nil {
		return Digest{}, 0, fmt.Errorf("size %w", err)
	}
	return digest, size, nil
}

// number reads one number of at most 15 digits, as integers of structured fields are.
func number(values []string) (int64, error) {
	if len(values) != 1 {
		return 0, errors.New("must be there once")
	}
	n, err := strconv.ParseUint(values[0], 10, 63)
	if err != nil || len(values[0]) > 15 {
		return 0, errors.New("is not a number of bytes")
	}
	return int64(n), nil
}

package enrol

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// Paths of the service.
const (
	pathEnrol = "/v1/enrol"
	pathRenew = "/v1/renew"
	PathLocal = "/v1/local"
)

// maxBody bounds what either side reads, in bytes. A request of ours has less than one KiB.
const maxBody = 16 << 10

// enrolRequest asks for the certificate that a token is worth.
type enrolRequest struct {
	Token string `json:"token"`
	CSR   string `json:"csr"`
}

// renewRequest asks for a certificate like the one it shows.
type renewRequest struct {
	Cert string `json:"cert"`
	CSR  string `json:"csr"`
}

// localRequest asks for the certificate of the user who sends it.
type localRequest struct {
	CSR string `json:"csr"`
}

// answer is what all of them get; CA is empty after a renewal.
type answer struct {
	Identity string `json:"identity"`
	Cert     string `json:"cert"`
	CA       string `json:"ca,omitempty"`
}

type failure struct {
	Error string `json:"error"`
}

// decode reads exactly one JSON object without unknown fields. Its errors show nothing of the text.
func decode(in io.Reader, into any) error {
	d := json.NewDecoder(in)
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		_, err = d.Token()
		if err == io.EOF {
			return nil
		}
	}
	if long, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return long
	}
	return errors.New("the body is not the JSON object that is asked for")
}

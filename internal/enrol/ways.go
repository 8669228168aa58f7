package enrol

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/kadeploy/kadeploy/internal/pki"
)

// nobody is the number under which the kernel shows users that it cannot name here, such as those of containers (proc(5),
// overflowuid): everybody and nobody.
const nobody = 65534

// enrol redeems a token. It looks at all else first, so that a bad request does not cost the token, and does not tell whether there
// was one.
func (d *desk) enrol(_ peer, r enrolRequest) (*answer, error) {
	csr, err := request(r.CSR)
	if err != nil {
		return nil, err
	}
	id, err := d.Tokens.Redeem(r.Token)
	if err == nil && !d.Known(id) {
		return nil, refuse(http.StatusForbidden, pki.ErrToken.Error(), fmt.Errorf("the token was good, but %s is not known", id))
	}
	if errors.Is(err, pki.ErrToken) {
		return nil, refuse(http.StatusForbidden, err.Error(), nil)
	} else if err != nil {
		return nil, err
	}
	return d.sign(csr, id)
}

// local trusts the kernel.
func (d *desk) local(who peer, r localRequest) (*answer, error) {
	if !who.local || d.Local == nil {
		return nil, refuse(http.StatusNotFound, "this is for the server's own socket", nil)
	}
	csr, err := request(r.CSR)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("the user with the number %d is not a user of this server", who.uid)
	if who.uid == nobody {
		return nil, refuse(http.StatusForbidden, text, nil)
	}
	name, err := d.Local(who.uid)
	if err != nil {
		return nil, refuse(http.StatusForbidden, text, err)
	}
	id, err := pki.User(name)
	if err == nil && !d.Known(id) {
		err = fmt.Errorf("%s is not known", id)
	}
	if err != nil {
		return nil, refuse(http.StatusForbidden, text, err)
	}
	return d.sign(csr, id)
}

func (d *desk) sign(csr []byte, id pki.Identity) (*answer, error) {
	cert, err := d.Authority.Sign(csr, id)
	if err != nil {
		return nil, err
	}
	return &answer{Identity: id.String(), Cert: string(cert), CA: string(d.Authority.PEM())}, nil
}

// renew looks last at whether the user is known, when it is proved that the user asks.
func (d *desk) renew(_ peer, r renewRequest) (*answer, error) {
	csr, err := request(r.CSR)
	if err != nil {
		return nil, err
	}
	old, err := pki.DecodePEM(pki.TypeCertificate, []byte(r.Cert))
	if err != nil {
		return nil, refuse(http.StatusBadRequest, fmt.Sprintf("the certificate %s", err), nil)
	}
	id, err := d.Authority.Renewable(old)
	var cert []byte
	if err == nil {
		cert, err = d.Authority.Renew(old, csr)
	}
	for _, reason := range []error{pki.ErrForeign, pki.ErrExpired, pki.ErrDenied, pki.ErrKind, pki.ErrKey} {
		if errors.Is(err, reason) {
			return nil, refuse(http.StatusForbidden, reason.Error()+": ask for a new token", err)
		}
	}
	if err != nil {
		return nil, err
	}
	if !d.Known(id) {
		return nil, refuse(http.StatusForbidden, "the user is not known here any more", fmt.Errorf("%s is not known", id))
	}
	return &answer{Identity: id.String(), Cert: string(cert)}, nil
}

// request reads a request for a certificate and checks it.
func request(text string) ([]byte, error) {
	csr, err := pki.DecodePEM(pki.TypeRequest, []byte(text))
	if err != nil {
		return nil, refuse(http.StatusBadRequest, fmt.Sprintf("the request for a certificate %s", err), nil)
	}
	if err := pki.CheckRequest(csr); err != nil {
		return nil, refuse(http.StatusBadRequest, err.Error(), nil)
	}
	return csr, nil
}

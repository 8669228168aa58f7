package enrol

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/kadeploy/kadeploy/internal/pki"
)

// Config of a Handler. The functions are called by many at once.
type Config struct {
	Authority *pki.Authority
	Tokens    *pki.Tokens
	Known     func(pki.Identity) bool                 // whether the user, or the node, is one of the site now; nobody is when nil
	Local     func(uid uint32) (name string, _ error) // the user of a number; nil when the socket is no way in
	Log       *slog.Logger                            // slog.Default() when nil
	Now       func() time.Time                        // for the rates; time.Now when nil
}

// Handler serves what doc.go lists. Nobody is local on a server that is not a Socket.
func Handler(c Config) http.Handler {
	if c.Known == nil {
		c.Known = func(pki.Identity) bool { return false }
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	d := &desk{Config: c, brake: newBrake(c.Now)}
	mux := http.NewServeMux()
	mux.Handle("POST "+pathEnrol, window(d, d.enrol))
	mux.Handle("POST "+pathRenew, window(d, d.renew))
	mux.Handle("POST "+PathLocal, window(d, d.local))
	return mux
}

// desk answers requests.
type desk struct {
	Config
	brake *brake
}

// refusal is what the other side did wrong. Its text goes to it; why, if any, goes to the log only.
type refusal struct {
	status int
	text   string
	why    error
}

func (r *refusal) Error() string { return r.text }

func refuse(status int, text string, why error) error { return &refusal{status, text, why} }

// window is the handler of requests of a kind: what they have in common before and after they are answered.
func window[T any](d *desk, respond func(peer, T) (*answer, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := peerOf(r)
		if err != nil {
			d.send(w, http.StatusInternalServerError, failure{"failed: see the server's log"})
			return
		}
		if !d.brake.open(who) {
			w.Header().Set("Retry-After", "60")
			d.send(w, http.StatusTooManyRequests, failure{"too many requests failed: try again in a minute"})
			return
		}
		var request T
		if err = decode(http.MaxBytesReader(w, r.Body, maxBody), &request); err != nil {
			err = badBody(err)
		} else {
			var a *answer
			if a, err = shielded(respond, who, request); err == nil {
				level := slog.LevelInfo
				if who.local { // each command of a local user gets one
					level = slog.LevelDebug
				}
				d.Log.Log(r.Context(), level, "enrol: certificate issued", "identity", a.Identity, "peer", who.String(), "path", r.URL.Path)
				d.send(w, http.StatusOK, a)
				return
			}
		}
		d.fail(w, r, who, err)
	})
}

// shielded turns a panic, which is a bug of ours or of the functions of Config, into an error with its stack for the log.
func shielded[T any](respond func(peer, T) (*answer, error), who peer, request T) (a *answer, err error) {
	defer func() {
		if r := recover(); r != nil {
			a, err = nil, fmt.Errorf("bug in the server: %v\n%s", r, debug.Stack())
		}
	}()
	return respond(who, request)
}

func badBody(err error) error {
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", maxBody), nil)
	}
	return refuse(http.StatusBadRequest, err.Error(), nil)
}

// fail tells the other side what it did wrong, and nothing of what went wrong here.
func (d *desk) fail(w http.ResponseWriter, r *http.Request, who peer, err error) {
	wrong, ok := errors.AsType[*refusal](err)
	if !ok {
		d.Log.Error("enrol: failed", "peer", who.String(), "path", r.URL.Path, "error", err)
		d.send(w, http.StatusInternalServerError, failure{"failed: see the server's log"})
		return
	}
	d.brake.fail(who)
	why := wrong.why
	if why == nil {
		why = wrong
	}
	d.Log.Warn("enrol: refused", "peer", who.String(), "path", r.URL.Path, "why", why)
	d.send(w, wrong.status, failure{wrong.text})
}

func (d *desk) send(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who does not read it has lost it
}

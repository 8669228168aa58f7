package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/actors"
	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/actors/link"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/console"
	"github.com/kadeploy/kadeploy/internal/depot"
	"github.com/kadeploy/kadeploy/internal/enrol"
	"github.com/kadeploy/kadeploy/internal/pki"
)

// door is all that users come through: the authority that says who they are, the port with the link to the actors and the requests
// that are no messages, and the socket for users of this machine.
type door struct {
	log       *slog.Logger
	authority *pki.Authority
	tokens    *pki.Tokens
	depot     *depot.Depot
	socket    *enrol.Socket
	path      string // of it
	link      *link.Link
	system    *actor.ActorSystem
}

// openDoor makes the authority at the first start, and opens what is kept in files.
func openDoor(g *config.Global, system *actor.ActorSystem, log *slog.Logger) (*door, error) {
	d := &door{log: log, system: system, path: g.LocalSocket}
	dir := filepath.Join(g.StateDir, "pki")
	var err error
	if d.authority, err = pki.Open(pki.Config{Dir: dir}); err != nil {
		return nil, err
	}
	if d.tokens, err = pki.OpenTokens(pki.TokensConfig{Dir: dir}); err != nil {
		return nil, err
	}
	if d.socket, err = enrol.ListenUnix(g.LocalSocket); err != nil {
		return nil, fmt.Errorf("local_socket: %w", err)
	}
	d.depot, err = depot.Open(depot.Config{Dir: g.UploadDir, MaxBytes: g.UploadMax, MaxPerUser: g.UploadMaxUser, MaxFile: g.UploadMaxFile})
	return d, err
}

// listen opens the port. It comes before any actor.
func (d *door) listen(address string) (err error) {
	d.link, err = link.StartServer(d.system, link.ServerConfig{
		Address: address, Policy: link.ServerPolicy(client.APIName), TLS: d.authority.ServerTLS(), Calls: d.authority.ClientTLS, Web: d.web(), Log: d.log,
	})
	return err
}

// web serves certificates to whoever may have one, and takes files from, and shows consoles to, whoever has one.
func (d *door) web() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(depot.PathPrefix, depot.Handler(d.depot, asker))
	mux.Handle(console.PathPrefix, console.Handler(func(ctx context.Context, r console.Request) (*console.Member, error) {
		return actors.OpenConsole(ctx, d.system, r)
	}, asker))
	mux.HandleFunc("GET "+client.PathSocket, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"socket": d.path})
	})
	mux.Handle("/", enrol.Handler(enrol.Config{Authority: d.authority, Tokens: d.tokens, Known: d.known, Log: d.log}))
	return mux
}

// desk is for users of this machine: the kernel knows them. What they may do is another question.
func (d *door) desk() http.Handler {
	everybody := func(pki.Identity) bool { return true }
	mux := http.NewServeMux()
	mux.Handle(enrol.PathLocal, enrol.Handler(enrol.Config{Authority: d.authority, Tokens: d.tokens, Known: everybody, Local: userName, Log: d.log}))
	return mux
}

// asker is who asks: the user of the connection's certificate.
func asker(r *http.Request) (string, bool) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return "", false
	}
	id, err := pki.Of(r.TLS.PeerCertificates[0])
	return id.Name, err == nil && id.Kind == pki.KindUser
}

// knownTime bounds the question whether somebody is a user.
const knownTime = 5 * time.Second

func (d *door) known(id pki.Identity) bool {
	ctx, cancel := context.WithTimeout(context.Background(), knownTime)
	defer cancel()
	known, err := actors.Known(ctx, d.system, id.Name)
	return err == nil && known && id.Kind == pki.KindUser
}

// userName is the name of a user of this machine.
func userName(uid uint32) (string, error) {
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return "", err
	}
	return u.Username, nil
}

// serveLocal answers on the socket once the tree is up, and returns what ends that.
func (d *door) serveLocal() (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		if err := d.socket.Serve(ctx, d.desk()); err != nil {
			d.log.Error("local_socket: not served any more", "error", err)
		}
	}()
	return func() { cancel(); <-over }
}

// token is for one enrolment of a user.
func (d *door) token(user string, life time.Duration) (string, error) {
	id, err := pki.User(user)
	if err != nil {
		return "", err
	}
	return d.tokens.New(id, life)
}

// deny shuts a user out: tokens, certificates, and connections that are open.
func (d *door) deny(user, why string) error {
	id, err := pki.User(user)
	if err != nil {
		return err
	}
	err = errors.Join(d.tokens.Withdraw(id), d.authority.Deny(id, why))
	d.link.Expel(id)
	return err
}

// close ends what listen opened, then what was opened before.
func (d *door) close() {
	if d.link != nil {
		d.link.Close()
	}
	if d.depot != nil {
		_ = d.depot.Close()
	}
}

// owner is the user that the daemon runs as.
func owner() string {
	if u, err := user.Current(); err == nil {
		return strings.TrimSpace(u.Username)
	}
	return "root"
}

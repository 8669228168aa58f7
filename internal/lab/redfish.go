package lab

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"
)

// redfish is a BMC as DMTF's DSP0266 describes it, as much of it as switches a machine: the service root, one system with
// its reset and its boot override, and sessions beside basic authentication.
type redfish struct {
	controller
	mu       sync.Mutex
	sessions map[string]string // token -> id
}

const system = "/redfish/v1/Systems/1"

// serveRedfish serves the machine's BMC for as long as the process lives.
func serveRedfish(b controller) error {
	cert, err := tls.LoadX509KeyPair(filepath.Join(b.Dir, "..", "redfish.pem"), filepath.Join(b.Dir, "..", "redfish.key"))
	if err != nil {
		return err
	}
	server := &http.Server{
		Addr: net.JoinHostPort(b.BMC.String(), "443"), Handler: (&redfish{controller: b, sessions: map[string]string{}}).handler(),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
	}
	return server.ListenAndServeTLS("", "")
}

func (r *redfish) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /redfish/v1/{$}", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, root()) })
	mux.HandleFunc("GET /redfish/v1", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, root()) })
	mux.HandleFunc("POST /redfish/v1/SessionService/Sessions", r.login)
	private := http.NewServeMux()
	private.HandleFunc("GET /redfish/v1/SessionService", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"@odata.id": "/redfish/v1/SessionService", "Id": "SessionService", "Sessions": link("/redfish/v1/SessionService/Sessions")})
	})
	private.HandleFunc("DELETE /redfish/v1/SessionService/Sessions/{id}", r.logout)
	private.HandleFunc("GET /redfish/v1/Systems", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"@odata.id": "/redfish/v1/Systems", "Name": "Systems", "Members@odata.count": 1, "Members": []any{link(system)}})
	})
	private.HandleFunc("GET "+system, r.show)
	private.HandleFunc("PATCH "+system, r.patch)
	private.HandleFunc("POST "+system+"/Actions/ComputerSystem.Reset", r.act)
	mux.Handle("/", r.known(private))
	return mux
}

func root() map[string]any {
	return map[string]any{
		"@odata.id": "/redfish/v1", "@odata.type": "#ServiceRoot.v1_5_0.ServiceRoot", "Id": "RootService", "Name": "lab", "RedfishVersion": "1.6.0",
		"Systems": link("/redfish/v1/Systems"), "SessionService": link("/redfish/v1/SessionService"),
		"Links": map[string]any{"Sessions": link("/redfish/v1/SessionService/Sessions")},
	}
}

func (r *redfish) show(w http.ResponseWriter, _ *http.Request) {
	state := "Off"
	if r.powered() {
		state = "On"
	}
	target, enabled := "None", "Disabled"
	switch r.boot() {
	case "pxe":
		target, enabled = "Pxe", "Once"
	case "disk":
		target, enabled = "Hdd", "Once"
	}
	answer(w, http.StatusOK, map[string]any{
		"@odata.id": system, "@odata.type": "#ComputerSystem.v1_10_0.ComputerSystem", "Id": "1", "Name": r.Name, "UUID": r.UUID, "PowerState": state,
		"Boot": map[string]any{"BootSourceOverrideEnabled": enabled, "BootSourceOverrideTarget": target,
			"BootSourceOverrideTarget@Redfish.AllowableValues": []string{"None", "Pxe", "Hdd"}},
		"Actions": map[string]any{"#ComputerSystem.Reset": map[string]any{"target": system + "/Actions/ComputerSystem.Reset",
			"ResetType@Redfish.AllowableValues": []string{"On", "ForceOff", "GracefulShutdown", "ForceRestart", "PowerCycle"}}},
	})
}

func (r *redfish) patch(w http.ResponseWriter, req *http.Request) {
	var body struct {
		Boot struct{ BootSourceOverrideEnabled, BootSourceOverrideTarget string }
	}
	if !read(w, req, &body) {
		return
	}
	device, ok := map[string]string{"Pxe": "pxe", "Hdd": "disk", "None": "none"}[body.Boot.BootSourceOverrideTarget]
	switch {
	case body.Boot.BootSourceOverrideEnabled == "Disabled":
		device = "none"
	case !ok || body.Boot.BootSourceOverrideEnabled != "Once":
		complain(w, http.StatusBadRequest, "boot override: want Once with Pxe, Hdd or None")
		return
	}
	r.done(w, r.command("boot", device))
}

func (r *redfish) act(w http.ResponseWriter, req *http.Request) {
	var body struct{ ResetType string }
	if !read(w, req, &body) {
		return
	}
	what, ok := map[string]string{"On": "on", "ForceOff": "off", "GracefulShutdown": "soft", "ForceRestart": "reset", "PowerCycle": "cycle"}[body.ResetType]
	if !ok {
		complain(w, http.StatusBadRequest, "no ResetType "+body.ResetType)
		return
	}
	r.done(w, r.command(what, ""))
}

func (r *redfish) done(w http.ResponseWriter, err error) {
	if err != nil {
		complain(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (r *redfish) login(w http.ResponseWriter, req *http.Request) {
	var body struct{ UserName, Password string }
	if !read(w, req, &body) {
		return
	}
	if body.UserName != BMCUser || body.Password != BMCPassword {
		complain(w, http.StatusUnauthorized, "wrong user or password")
		return
	}
	token, id := rand.Text(), rand.Text()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.sessions) >= 16 { // as small BMCs have it: who does not log out locks himself out
		complain(w, http.StatusServiceUnavailable, "too many sessions")
		return
	}
	r.sessions[token] = id
	w.Header().Set("X-Auth-Token", token)
	w.Header().Set("Location", "/redfish/v1/SessionService/Sessions/"+id)
	answer(w, http.StatusCreated, map[string]any{"@odata.id": "/redfish/v1/SessionService/Sessions/" + id, "Id": id, "Name": "session", "UserName": BMCUser})
}

func (r *redfish) logout(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for token, id := range r.sessions {
		if id == req.PathValue("id") {
			delete(r.sessions, token)
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	complain(w, http.StatusNotFound, "no such session")
}

// known lets in who has a session, or the account.
func (r *redfish) known(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		_, ok := r.sessions[req.Header.Get("X-Auth-Token")]
		r.mu.Unlock()
		user, password, _ := req.BasicAuth()
		if !ok && (user != BMCUser || password != BMCPassword) {
			w.Header().Set("WWW-Authenticate", `Basic realm="lab"`)
			complain(w, http.StatusUnauthorized, "log in first")
			return
		}
		next.ServeHTTP(w, req)
	})
}

func link(path string) map[string]string { return map[string]string{"@odata.id": path} }

func read(w http.ResponseWriter, req *http.Request, body any) bool {
	err := json.NewDecoder(http.MaxBytesReader(w, req.Body, 64<<10)).Decode(body)
	if err != nil {
		complain(w, http.StatusBadRequest, err.Error())
	}
	return err == nil
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("OData-Version", "4.0")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(body)
}

func complain(w http.ResponseWriter, code int, text string) {
	answer(w, code, map[string]any{"error": map[string]any{"code": "Base.1.8.GeneralError", "message": text}})
}

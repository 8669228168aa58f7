package redfish_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/power"
)

func TestRedfish(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Redfish")
}

var _ = BeforeEach(func() {
	before := gleak.Goroutines()
	DeferCleanup(func() { Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before)) })
})

// service is a Redfish service with one or two systems, over TLS. It demands If-Match of the current tag in each PATCH, and
// like some services refuses it in a POST.
type service struct {
	mu        sync.Mutex
	systems   []string
	on        bool
	lies      bool
	allowed   []string // reset types; nil: all that the tests need
	broken    int      // status of every order; 0: none
	elsewhere string
	first     func(http.ResponseWriter, *http.Request) bool // deals with a request, and says whether it has
	boot      map[string]string
	told      []string
	tag       int
	sessions  map[string]bool
	opened    int
}

var every = []string{"On", "ForceOff", "GracefulShutdown", "GracefulRestart", "ForceRestart", "PowerCycle"}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first != nil && s.first(w, r) {
		return
	}
	if s.elsewhere != "" {
		http.Redirect(w, r, s.elsewhere, http.StatusTemporaryRedirect)
		return
	}
	path := strings.TrimSuffix(r.URL.Path, "/")
	login := r.Method == http.MethodPost && path == "/redfish/v1/SessionService/Sessions"
	if path != "/redfish/v1" && !login && !s.sessions[r.Header.Get("X-Auth-Token")] {
		s.refuse(w, http.StatusUnauthorized, "log in")
		return
	}
	switch {
	case path == "/redfish/v1":
		s.show(w, map[string]any{"@odata.id": "/redfish/v1/", "Id": "Root", "Name": "Root", "Systems": link("/redfish/v1/Systems"),
			"Links": map[string]any{"Sessions": link("/redfish/v1/SessionService/Sessions")}})
	case login:
		s.login(w, r)
	case r.Method == http.MethodDelete:
		delete(s.sessions, r.Header.Get("X-Auth-Token"))
		w.WriteHeader(http.StatusNoContent)
	case path == "/redfish/v1/Systems":
		var members []any
		for _, id := range s.systems {
			members = append(members, link("/redfish/v1/Systems/"+id))
		}
		s.show(w, map[string]any{"@odata.id": path, "Name": "Systems", "Members": members, "Members@odata.count": len(members)})
	case r.Method == http.MethodPost && strings.HasSuffix(path, "/Actions/ComputerSystem.Reset"):
		s.reset(w, r)
	case r.Method == http.MethodPatch:
		s.patch(w, r)
	default:
		s.show(w, s.system(path))
	}
}

func link(to string) map[string]any { return map[string]any{"@odata.id": to} }

func (s *service) show(w http.ResponseWriter, v map[string]any) {
	w.Header().Set("ETag", fmt.Sprintf(`"%d"`, s.tag))
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (s *service) refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"code":"Base.1.0","message":"general","@Message.ExtendedInfo":[{"Message":%q}]}}`, why)
}

// drop closes the connection of a request without an answer.
func drop(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		conn.Close()
	}
}

func (s *service) login(w http.ResponseWriter, r *http.Request) {
	var asked struct{ UserName, Password string }
	_ = json.NewDecoder(r.Body).Decode(&asked)
	if asked.UserName != "root" || asked.Password != "s3cret" {
		s.refuse(w, http.StatusUnauthorized, "no such user "+asked.UserName+" "+asked.Password)
		return
	}
	s.opened++
	token := fmt.Sprint("token-", s.opened)
	s.sessions[token] = true
	w.Header().Set("X-Auth-Token", token)
	w.Header().Set("Location", "/redfish/v1/SessionService/Sessions/"+token)
	w.WriteHeader(http.StatusCreated)
	fmt.Fprint(w, "{}")
}

func (s *service) system(path string) map[string]any {
	state := map[bool]string{true: "On", false: "Off"}[s.on]
	return map[string]any{"@odata.id": path, "@odata.etag": fmt.Sprintf(`"%d"`, s.tag), "Id": "1", "Name": "System", "PowerState": state,
		"Boot": s.boot, "Actions": map[string]any{"#ComputerSystem.Reset": map[string]any{
			"target": path + "/Actions/ComputerSystem.Reset", "ResetType@Redfish.AllowableValues": s.allowed}}}
}

func (s *service) reset(w http.ResponseWriter, r *http.Request) {
	var asked struct{ ResetType string }
	_ = json.NewDecoder(r.Body).Decode(&asked)
	switch {
	case s.broken != 0:
		s.refuse(w, s.broken, "the fan is loose")
		return
	case r.Header.Get("If-Match") != "":
		s.refuse(w, http.StatusPreconditionFailed, "no tags here")
		return
	}
	s.told = append(s.told, asked.ResetType)
	if !s.lies {
		s.on = !slices.Contains([]string{"ForceOff", "GracefulShutdown"}, asked.ResetType)
		s.tag++
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *service) patch(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("If-Match") != fmt.Sprintf(`"%d"`, s.tag) {
		s.refuse(w, http.StatusPreconditionFailed, "the tag is old")
		return
	}
	var asked struct{ Boot map[string]string }
	_ = json.NewDecoder(r.Body).Decode(&asked)
	s.told = append(s.told, "boot")
	if !s.lies {
		s.boot = asked.Boot
		s.tag++
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *service) orders() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.told...)
}

func (s *service) left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// serve starts a service and returns the target that it controls, with its certificate to know it by.
func serve(s *service, login string) power.Target {
	GinkgoHelper()
	s.sessions = map[string]bool{}
	if s.allowed == nil {
		s.allowed = every
	}
	if s.systems == nil {
		s.systems = []string{"1"}
	}
	if s.boot == nil {
		s.boot = map[string]string{"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None", "BootSourceOverrideMode": "UEFI"}
	}
	server := httptest.NewTLSServer(s)
	server.Config.ErrorLog = nil
	DeferCleanup(server.Close)
	dir := GinkgoT().TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	Expect(os.WriteFile(filepath.Join(dir, "ca.pem"), ca, 0o600)).To(Succeed())
	Expect(os.WriteFile(filepath.Join(dir, "bmc"), []byte("* "+login+"\n"), 0o600)).To(Succeed())
	return power.Target{Name: "node-1.lab", Short: "node-1", Control: config.Control{
		Address: server.URL, Credentials: filepath.Join(dir, "bmc"), CA: filepath.Join(dir, "ca.pem"),
	}}
}

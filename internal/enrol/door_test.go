package enrol_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/enrol"
	"github.com/kadeploy/kadeploy/internal/pki"
)

// post sends a body to a handler, as from an address.
func post(h http.Handler, path, from, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.RemoteAddr = from
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const somebody = "192.0.2.1:1000"

func object(fields map[string]string) string {
	text, err := json.Marshal(fields)
	Expect(err).NotTo(HaveOccurred())
	return string(text)
}

// request is a request for a certificate, in PEM.
func request() string {
	GinkgoHelper()
	w := wallet()
	Expect(w.NewKey()).To(Succeed())
	der, err := w.CSR()
	Expect(err).NotTo(HaveOccurred())
	return string(pki.EncodePEM(pki.TypeRequest, der))
}

var _ = Describe("The door", func() {
	var s *site
	var door http.Handler
	BeforeEach(func() {
		s = newSite()
		door = enrol.Handler(s.config)
	})

	DescribeTable("refuses bodies that are not what is asked for, at no cost to the token", func(status int, body func(token, csr string) string) {
		token, csr := s.token(alice), request()
		w := post(door, "/v1/enrol", somebody, body(token, csr))
		Expect(w.Code).To(Equal(status))
		Expect(w.Body.String()).To(And(ContainSubstring(`{"error":"`), Not(ContainSubstring(token))))
		Expect(s.log.String()).To(And(ContainSubstring("enrol: refused"), Not(ContainSubstring(token)), Not(ContainSubstring("BEGIN"))))
		Expect(s.tokens.Redeem(token)).To(Equal(alice))
	},
		Entry("nothing", 400, func(_, _ string) string { return "" }),
		Entry("no object", 400, func(_, _ string) string { return "[]" }),
		Entry("an unknown field", 400, func(t, c string) string {
			return object(map[string]string{"token": t, "csr": c, "identity": "ka://user/root"})
		}),
		Entry("something after it", 400, func(t, c string) string { return object(map[string]string{"token": t, "csr": c}) + "{}" }),
		Entry("no request", 400, func(t, _ string) string { return object(map[string]string{"token": t}) }),
		Entry("a request of noise", 400, func(t, _ string) string {
			return object(map[string]string{"token": t, "csr": "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"})
		}),
		Entry("two requests", 400, func(t, c string) string { return object(map[string]string{"token": t, "csr": c + c}) }),
		Entry("half a request", 400, func(t, c string) string { return object(map[string]string{"token": t, "csr": c[:200]}) }),
		Entry("more than 16 KiB", 413, func(t, c string) string {
			return strings.Repeat(" ", 16<<10) + object(map[string]string{"token": t, "csr": c})
		}),
		Entry("a token of 10 KiB", 403, func(_, c string) string {
			return object(map[string]string{"token": strings.Repeat("A", 10<<10), "csr": c})
		}),
	)

	It("takes nothing but what it lists, and only POST", func() {
		for _, path := range []string{"/", "/v1", "/v1/enrol/x", "/v2/enrol"} {
			Expect(post(door, path, somebody, "{}").Code).To(Equal(404))
		}
		w := httptest.NewRecorder()
		door.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/enrol", nil))
		Expect(w.Code).To(Equal(405))
	})

	It("is local to nobody who comes from the network", func() {
		s.config.Local = func(uint32) (string, error) { return "alice", nil }
		door = enrol.Handler(s.config)
		for _, from := range []string{somebody, "127.0.0.1:1", "[::1]:1"} {
			Expect(post(door, "/v1/local", from, object(map[string]string{"csr": request()})).Code).To(Equal(404))
		}
	})

	It("knows nobody unless it is told whom", func() {
		s.config.Known = nil
		w := post(enrol.Handler(s.config), "/v1/enrol", somebody, object(map[string]string{"token": s.token(alice), "csr": request()}))
		Expect(w.Code).To(Equal(403))
	})

	It("tells what goes wrong in the server to the log only, also a bug", func() {
		s.config.Known = func(pki.Identity) bool { panic("trapped") }
		w := post(enrol.Handler(s.config), "/v1/enrol", somebody, object(map[string]string{"token": s.token(alice), "csr": request()}))
		Expect(w.Code).To(Equal(500))
		Expect(w.Body.String()).NotTo(ContainSubstring("trapped"))
		Expect(s.log.String()).To(And(ContainSubstring("bug in the server: trapped"), ContainSubstring("goroutine")))
	})

	Context("when somebody fails again and again", func() {
		fail := func(from string) int { return post(door, "/v1/enrol", from, "{").Code }
		succeed := func(from string) int {
			return post(door, "/v1/enrol", from, object(map[string]string{"token": s.token(alice), "csr": request()})).Code
		}
		tenTimes := func(from string) {
			GinkgoHelper()
			for range 10 {
				Expect(fail(from)).To(Equal(400))
			}
		}

		It("does not hear that address for some seconds, not even with a good token, and hears others", func() {
			tenTimes(somebody)
			Expect(fail(somebody)).To(Equal(429))
			Expect(succeed(somebody)).To(Equal(429))
			Expect(succeed("192.0.2.2:1000")).To(Equal(200))
			s.move(7 * time.Second)
			Expect(succeed(somebody)).To(Equal(200))
		})

		It("takes a whole network of IPv6 for one", func() {
			tenTimes("[2001:db8::1]:1")
			Expect(fail("[2001:db8::2:3]:1")).To(Equal(429))
			Expect(succeed("[2001:db8:0:1::1]:1")).To(Equal(200))
		})

		It("does not count what succeeds", func() {
			for range 30 {
				Expect(succeed(somebody)).To(Equal(200))
			}
		})

		It("does not hear the network for a moment when all of it fails", func() {
			for i := range 20 {
				tenTimes(fmt.Sprintf("198.51.100.%d:1", i))
			}
			Expect(succeed(somebody)).To(Equal(429))
			s.move(100 * time.Millisecond)
			Expect(succeed(somebody)).To(Equal(200))
		})

		It("remembers only so many", func() {
			Expect(enrol.Remembered(4000)).To(Equal(4000))
			Expect(enrol.Remembered(60_000)).To(BeNumerically("<=", 4096))
		})
	})
})

// Whatever body comes, the door answers with a JSON object, never gives a certificate, and never fails itself: there is no token, and
// no certificate to renew.
func FuzzHandler(f *testing.F) {
	dir := f.TempDir()
	now := time.Now()
	clock := func() time.Time { now = now.Add(time.Minute); return now } // nobody is kept out for failing
	authority, err := pki.Open(pki.Config{Dir: dir})
	if err != nil {
		f.Fatal(err)
	}
	tokens, err := pki.OpenTokens(pki.TokensConfig{Dir: dir})
	if err != nil {
		f.Fatal(err)
	}
	door := enrol.Handler(enrol.Config{
		Authority: authority, Tokens: tokens, Known: func(pki.Identity) bool { return true }, Now: clock, Log: slog.New(slog.DiscardHandler),
		Local: func(uint32) (string, error) { return "", errors.New("nobody") },
	})
	w, err := pki.OpenWallet("")
	if err := errors.Join(err, w.NewKey()); err != nil {
		f.Fatal(err)
	}
	der, err := w.CSR()
	if err != nil {
		f.Fatal(err)
	}
	csr := string(pki.EncodePEM(pki.TypeRequest, der))
	for i, seed := range []map[string]string{{"token": "A", "csr": csr}, {"cert": string(authority.PEM()), "csr": csr}, {"csr": csr}, {}} {
		text, _ := json.Marshal(seed)
		f.Add(uint8(i), text)
	}
	f.Add(uint8(0), []byte("{"))
	f.Fuzz(func(t *testing.T, way uint8, body []byte) {
		path := []string{"/v1/enrol", "/v1/renew", "/v1/local"}[way%3]
		answer := post(door, path, somebody, string(body))
		switch answer.Code {
		case 400, 403, 404, 413:
		default:
			t.Fatalf("%s %q: %d %s", path, body, answer.Code, answer.Body)
		}
		var object struct {
			Error string `json:"error"`
		}
		if err := json.Unmarshal(answer.Body.Bytes(), &object); err != nil || object.Error == "" || strings.ContainsAny(object.Error, "\n\r") {
			t.Fatalf("%s %q: the answer is %q: %v", path, body, answer.Body, err)
		}
	})
}

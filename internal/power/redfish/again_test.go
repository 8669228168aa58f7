package redfish_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/power/redfish"
)

var _ = Describe("The Redfish driver, when a request fails,", func() {
	driver := redfish.New(redfish.Config{
		Patience: power.Patience{Settle: 200 * time.Millisecond, Poll: 10 * time.Millisecond, Rest: time.Millisecond},
		Answer:   time.Second,
	})
	var s *service
	var asked map[string]int // requests by method and last word of the path
	BeforeEach(func() {
		s, asked = &service{on: true}, map[string]int{}
	})

	// spoils has the service do something else with the first request of a kind, such as POST Sessions.
	spoils := func(kind string, how func(http.ResponseWriter, *http.Request)) {
		s.first = func(w http.ResponseWriter, r *http.Request) bool {
			path := strings.TrimSuffix(r.URL.Path, "/")
			this := r.Method + " " + path[strings.LastIndex(path, "/")+1:]
			asked[this]++
			if this != kind || asked[this] > 1 {
				return false
			}
			how(w, r)
			return true
		}
	}
	refusal := func(status int, message string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"error":{"code":"Base.1.8.GeneralError","@Message.ExtendedInfo":[{"MessageId":"Base.1.8.%s","Message":"later"}]}}`, message)
		}
	}
	lost := func(w http.ResponseWriter, _ *http.Request) { drop(w) }
	reset := func() error {
		_, err := driver.Do(context.Background(), serve(s, login), power.OpReboot, power.Hard)
		return err
	}

	const order = "POST ComputerSystem.Reset"
	DescribeTable("asks again, and the machine is reset once",
		func(kind string, how func(http.ResponseWriter, *http.Request)) {
			spoils(kind, how)
			Expect(reset()).To(Succeed())
			Expect(asked[kind]).To(BeNumerically(">", 1))
			Expect(s.orders()).To(Equal([]string{"ForceRestart"}))
			Expect(s.left()).To(BeZero())
		},
		Entry("a service that starts", "GET v1", refusal(503, "ServiceTemporarilyUnavailable")),
		Entry("a web server without its service", "GET 1", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "try later", http.StatusServiceUnavailable)
		}),
		Entry("no session left", "POST Sessions", refusal(503, "SessionLimitExceeded")),
		Entry("no session left, in other words", "POST Sessions", refusal(400, "CreateLimitReachedForResource")),
		Entry("too many requests", "GET Systems", refusal(429, "GeneralError")),
		Entry("a service that has not taken the reset", order, refusal(503, "ServiceTemporarilyUnavailable")),
		Entry("too many requests, the reset among them", order, refusal(429, "GeneralError")),
		Entry("no answer to the first request", "GET v1", lost),
		Entry("no answer to the login", "POST Sessions", lost),
	)

	DescribeTable("sees to what the next boot is, whether or not the order was taken that was not answered",
		func(taken bool) {
			spoils("PATCH 1", func(w http.ResponseWriter, _ *http.Request) {
				if taken {
					s.tag++
					s.boot = map[string]string{"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe", "BootSourceOverrideMode": "UEFI"}
				}
				drop(w)
			})
			Expect(driver.BootOnce(context.Background(), serve(s, login))).To(Succeed())
			Expect(s.boot).To(HaveKeyWithValue("BootSourceOverrideTarget", "Pxe"))
			Expect(asked["PATCH 1"]).To(BeNumerically(">", 1))
		},
		Entry("taken", true), Entry("not taken", false),
	)

	DescribeTable("does not repeat a reset that may have been taken",
		func(how func(http.ResponseWriter, *http.Request), want string) {
			spoils(order, how)
			Expect(reset()).To(MatchError(ContainSubstring(want)))
			Expect(asked[order]).To(Equal(1))
			Expect(s.left()).To(BeZero())
		},
		Entry("no answer", lost, "EOF"),
		Entry("a web server that has waited for its service", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no answer from upstream", http.StatusServiceUnavailable)
		},
			"503 Service Unavailable"),
		Entry("a fault", refusal(500, "InternalError"), "500 Internal Server Error: later"),
	)

	It("gives up a controller that never answers, and one that is busy for as long as there is time", func() {
		calls := 0
		s.first = func(w http.ResponseWriter, _ *http.Request) bool {
			calls++
			drop(w)
			return true
		}
		Expect(reset()).To(MatchError(ContainSubstring("EOF")))
		Expect(calls).To(Equal(3))

		short, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		calls = 0
		s = &service{first: func(w http.ResponseWriter, r *http.Request) bool {
			if calls++; calls == 5 {
				cancel()
			}
			refusal(503, "SessionLimitExceeded")(w, r)
			return true
		}}
		_, err := driver.Do(short, serve(s, login), power.OpReboot, power.Hard)
		Expect(err).To(MatchError(ContainSubstring("503 Service Unavailable: later")))
		Expect(calls).To(Equal(5))
	})
})

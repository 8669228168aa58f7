package actors_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/console"
)

// consoleDoor serves the consoles of a site to whoever the request says it is from.
func (s *site) consoleDoor() *httptest.Server {
	door := httptest.NewServer(console.Handler(func(ctx context.Context, r console.Request) (*console.Member, error) {
		return actors.OpenConsole(ctx, s.system, r)
	}, func(r *http.Request) (string, bool) { return r.Header.Get("User"), true }))
	DeferCleanup(door.Close)
	return door
}

type userHeader string

func (u userHeader) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("User", string(u))
	return http.DefaultTransport.RoundTrip(r)
}

func sitsAt(door *httptest.Server, user, node string) (*console.Conn, error) {
	client := &http.Client{Transport: userHeader(user)}
	conn, err := console.Dial(context.Background(), client, door.URL, console.Request{Node: node, Want: console.Write})
	DeferCleanup(func() {
		if conn != nil {
			conn.Close()
		}
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	return conn, err
}

// last is the server's last word.
func last(conn *console.Conn) string {
	for {
		if _, _, err := conn.Receive(); err != nil {
			return err.Error()
		}
	}
}

func shows(conn *console.Conn, text string) {
	GinkgoHelper()
	Expect(conn.Type([]byte(text))).To(Succeed())
	for seen := ""; !strings.HasSuffix(seen, text); {
		data, _, err := conn.Receive()
		Expect(err).NotTo(HaveOccurred())
		seen += string(data)
	}
}

var _ = Describe("A console", func() {
	withCat := blueprint{cluster: map[string]string{"cmd_console": "cat"}, tokens: func(string, time.Duration) (string, error) { return "token", nil }}

	It("is for who has any right to the node, and for no other node", func() {
		s := newSite(withCat)
		door := s.consoleDoor()
		part := add("bob", "node-1")
		part.Part = "2"
		s.give(part)
		bob, err := sitsAt(door, "bob", "node-1")
		Expect(err).NotTo(HaveOccurred())
		shows(bob, "login")
		_, err = sitsAt(door, "bob", "node-2")
		Expect(err).To(MatchError(ContainSubstring("bob has no right to node-2")))
		_, err = sitsAt(door, "ada", "node-9")
		Expect(err).To(MatchError(ContainSubstring(`unknown node "node-9"`)))
	})

	It("that nothing leads to is said not to be there", func() {
		s := newSite(blueprint{})
		_, err := sitsAt(s.consoleDoor(), "ada", "node-1")
		Expect(err).To(MatchError("node node-1 has no console: set cmd_console, or power = ipmi"))
	})

	DescribeTable("ends when the right is lost, and says why", func(lose proto.Message, why string) {
		s := newSite(withCat)
		door := s.consoleDoor()
		s.client().ask(&message.UserAdd{ClientId: "u", Name: "bob"})
		s.give(add("bob", "node-[1-2]"))
		bob, err := sitsAt(door, "bob", "node-1")
		Expect(err).NotTo(HaveOccurred())
		shows(bob, "login")
		ada, err := sitsAt(door, "ada", "node-1")
		Expect(err).NotTo(HaveOccurred())
		Expect(s.client().ask(lose)).NotTo(BeAssignableToTypeOf(&message.Refused{}))
		Expect(last(bob)).To(Equal(why))
		Expect(ada.Claim()).To(Succeed())
		shows(ada, "still here")
		_, err = sitsAt(door, "bob", "node-1")
		Expect(err).To(MatchError(ContainSubstring("bob has no right")))
	},
		Entry("because it was taken", &message.RightsDel{ClientId: "del", User: "bob", Nodes: []string{"node-1"}, Part: "*"}, "ada took node-1 from bob"),
		Entry("because another has it now", &message.RightsAdd{ClientId: "add", User: "carol", Nodes: []string{"node-1"}, Part: "*", Overwrite: true},
			"ada took node-1 from bob and gave it to carol"),
		Entry("because the user is gone", &message.UserDel{ClientId: "del", Name: "bob"}, "ada deleted the user bob"),
	)

	It("goes on when another is lost, or another right makes up for it, and when its actor is restarted", func() {
		s := newSite(withCat)
		door := s.consoleDoor()
		s.give(add("bob", "node-1"))
		s.give(add("bob", "node-2"))
		s.give(add("*", "node-3"))
		bob, err := sitsAt(door, "bob", "node-1")
		Expect(err).NotTo(HaveOccurred())
		s.client().ask(&message.RightsDel{ClientId: "del", User: "bob", Nodes: []string{"node-2"}, Part: "*"})
		s.crash("root/consoles", actors.Poison("consoles"))
		Eventually(func() bool { return s.alive("root/consoles") }).Should(BeTrue())
		shows(bob, "still here")
		s.client().ask(&message.RightsDel{ClientId: "del again", User: "bob", Nodes: []string{"node-1"}, Part: "*"})
		Expect(last(bob)).To(Equal("ada took node-1 from bob"), fmt.Sprint(s.log))
	})
})

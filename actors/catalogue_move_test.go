package actors_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"

	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
)

var _ = Describe("An environment whose image is at a URL that moves", func() {
	var s *site
	var kept *drawer
	var images *httptest.Server

	BeforeEach(func() {
		mux := http.NewServeMux()
		serve := func(path string, content []byte) {
			mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", strconv.Itoa(len(content)))
				_, _ = w.Write(content)
			})
		}
		long := tarOf(append(contents(), entry{name: "etc/another", content: "another"})...)
		serve("/pub/tiny.tar", theImage())
		serve("/pub/new/tiny.tar", theImage())
		serve("/pub/long.tar", append(long, make([]byte, 512)...))
		serve("/other/tiny.tar", theImage())
		images = httptest.NewServer(mux)
		DeferCleanup(images.Close)
		kept = &drawer{}
		s = newSite(blueprint{nodes: 1, uploads: true, urls: true, envs: kept, global: map[string]string{"image_urls": images.URL + "/pub/"}})
		s.give(add("*", "node-1"))
	})

	has := func(url string) {
		GinkgoHelper()
		r := &message.EnvAdd{ClientId: uuid.NewString(), Environment: []byte(description(images.URL + url + "|tar")), EnvironmentPath: "/home/dana/tiny.env"}
		Expect(s.clientOf("dana").ask(r)).To(BeAssignableToTypeOf(&message.Env{}))
	}
	moves := func(from, to string) []*message.EnvMoved {
		GinkgoHelper()
		r := &message.EnvMove{ClientId: uuid.NewString(), Moves: []*message.PathMove{{From: from, To: to}}}
		return s.clientOf("ada").ask(r).(*message.EnvMoves).GetEnvironments()
	}
	shows := func() *message.Env {
		GinkgoHelper()
		return s.clientOf("dana").ask(&message.EnvShow{ClientId: uuid.NewString(), Env: &message.EnvRef{Name: "tiny"}}).(*message.Env)
	}

	It("has it there, and shows no query but in its description", func() {
		has("/pub/tiny.tar?key=secret")
		moved := moves(images.URL+"/pub/tiny.tar?key=secret", images.URL+"/pub/new/tiny.tar?key=hidden")
		Expect(moved).To(HaveLen(1))
		Expect(moved[0].GetProblem()).To(BeEmpty())
		Expect(moved[0].GetFiles()).To(HaveExactElements(And(
			HaveField("From", images.URL+"/pub/tiny.tar?..."), HaveField("To", images.URL+"/pub/new/tiny.tar?..."))))
		Expect(shows().GetImage()).To(Equal(images.URL + "/pub/new/tiny.tar?..."))
		Expect(string(shows().GetText())).To(ContainSubstring(images.URL + "/pub/new/tiny.tar?key=hidden|tar"))
		Expect(s.log.String()).To(ContainSubstring("another place"))
		Expect(s.log.String()).NotTo(Or(ContainSubstring("secret"), ContainSubstring("hidden")))

		r := s.deployment()
		r.User, r.Environment, r.EnvironmentPath, r.EnvironmentName = "dana", nil, "", "tiny"
		o := s.run(r)
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
	})

	It("keeps its query when the place above it moves", func() {
		has("/pub/tiny.tar?key=secret")
		Expect(moves(images.URL+"/pub", images.URL+"/pub/new")[0].GetProblem()).To(BeEmpty())
		Expect(string(shows().GetText())).To(ContainSubstring(images.URL + "/pub/new/tiny.tar?key=secret|tar"))
		Expect(moves(images.URL+"/pub/new/tiny.tar?key=other", images.URL+"/pub/tiny.tar")).To(BeEmpty())
	})

	DescribeTable("stays as it is", func(to, why string) {
		has("/pub/tiny.tar")
		stays := moves(images.URL+"/pub/tiny.tar", images.URL+to)
		Expect(stays).To(HaveLen(1))
		Expect(stays[0].GetProblem()).To(MatchRegexp(why))
		Expect(stays[0].GetProblem()).NotTo(ContainSubstring("secret"))
		Expect(shows().GetImage()).To(Equal(images.URL + "/pub/tiny.tar"))
	},
		Entry("when nothing is there", "/pub/none.tar?key=secret", `/pub/none.tar\?\.\.\.: the server has no such file \(status 404\)`),
		Entry("when it has another length there", "/pub/long.tar", "image .*/pub/long.tar has [0-9]+ bytes, and not the [0-9]+ that it had"),
		Entry("when its owner may not name it there", "/other/tiny.tar", "/other/tiny.tar is not below the image_urls of the site"),
	)

	It("stays as it is at a URL with a password, which is shown to nobody", func() {
		has("/pub/tiny.tar")
		no := moves(images.URL+"/pub/tiny.tar", "http://dana:secret@"+images.Listener.Addr().String()+"/pub/new/tiny.tar")[0]
		Expect(no.GetProblem()).NotTo(BeEmpty())
		Expect(no.String()).NotTo(ContainSubstring("secret"))
	})

	It("is not told as moved when its description writes the URL in another way", func() {
		has("/pub/tin%79.tar")
		Expect(shows().GetImage()).To(Equal(images.URL + "/pub/tiny.tar"))
		stays := moves(images.URL+"/pub/tiny.tar", images.URL+"/pub/new/tiny.tar")
		Expect(stays).To(HaveLen(1))
		Expect(stays[0].GetProblem()).To(Equal("its description writes " + images.URL + "/pub/tiny.tar in another way: move it as kadeploy env show has it"))
		Expect(shows().GetImage()).To(Equal(images.URL + "/pub/tiny.tar"))
		Expect(moves(images.URL+"/pub/tin%79.tar", images.URL+"/pub/new/tiny.tar")[0].GetProblem()).To(BeEmpty())
		Expect(shows().GetImage()).To(Equal(images.URL + "/pub/new/tiny.tar"))
	})
})

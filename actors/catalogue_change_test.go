package actors_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/store"
)

var _ = Describe("Changing what the catalogue has", func() {
	var s *site
	var kept *drawer
	tiny := &message.EnvRef{Name: "tiny"}
	danas := &message.EnvRef{Name: "tiny", User: "dana"}

	BeforeEach(func() {
		kept = &drawer{}
		s = newSite(blueprint{nodes: 1, uploads: true, envs: kept, memory: true})
		s.give(add("*", "node-1"))
		post, err := os.ReadFile(s.path("post.tgz"))
		Expect(err).NotTo(HaveOccurred())
		s.file("images/post.tgz", string(post))
	})

	asks := func(user string, r proto.Message) any {
		GinkgoHelper()
		answer := s.clientOf(user).ask(r)
		Expect(answer).NotTo(BeAssignableToTypeOf(&message.Refused{}), fmt.Sprint(answer))
		return answer
	}
	addition := func(more ...string) *message.EnvAdd {
		return &message.EnvAdd{ClientId: uuid.NewString(), Visibility: "private", Environment: []byte(description("image.tar|tar", more...)), EnvironmentPath: s.path("images/tiny.env")}
	}
	update := func(e *message.EnvRef, parts ...string) *message.EnvUpdate {
		return &message.EnvUpdate{ClientId: uuid.NewString(), Env: e, Parts: parts}
	}
	set := func(e *message.EnvRef, visibility string, all bool) *message.EnvSet {
		return &message.EnvSet{ClientId: uuid.NewString(), Env: e, Visibility: visibility, AllVersions: all}
	}
	move := func(from, to string) *message.EnvMove {
		return &message.EnvMove{ClientId: uuid.NewString(), Moves: []*message.PathMove{{From: from, To: to}}}
	}
	byName := func(user string, version uint32) *message.Submit {
		return &message.Submit{ClientId: uuid.NewString(), User: user, Nodes: s.names(), EnvironmentName: "tiny", EnvironmentUser: "dana", EnvironmentVersion: &version}
	}
	versions := func() (all []string) {
		GinkgoHelper()
		for _, e := range asks("ada", &message.EnvList{ClientId: uuid.NewString(), AllVersions: true}).(*message.Envs).GetEnvironments() {
			all = append(all, fmt.Sprintf("%d %s", e.GetVersion(), e.GetVisibility()))
		}
		return all
	}
	text := func() string {
		GinkgoHelper()
		return string(asks("ada", &message.EnvShow{ClientId: uuid.NewString(), Env: danas}).(*message.Env).GetText())
	}
	var another []byte
	BeforeEach(func() { another = tarOf(append(contents(), entry{name: "etc/another", content: "another"})...) })

	Describe("by an update", func() {
		It("makes the next version of files that have changed, says which, and leaves the version before what it was", func() {
			asks("dana", addition())
			Expect(asks("dana", update(tiny)).(*message.EnvUpdated).GetChanges()).To(BeEmpty())
			Expect(versions()).To(Equal([]string{"7 private"}))

			s.file("images/image.tar", string(another))
			answer := asks("dana", update(tiny)).(*message.EnvUpdated)
			Expect(answer.GetEnv().GetVersion()).To(BeEquivalentTo(8))
			was, now := sha256.Sum256(theImage()), sha256.Sum256(another)
			Expect(answer.GetChanges()).To(HaveExactElements(And(
				HaveField("Part", "image"), HaveField("Path", s.path("images/image.tar")),
				HaveField("Was", fmt.Sprintf("%x", was)), HaveField("Now", fmt.Sprintf("%x", now)))))
			Expect(text()).To(ContainSubstring("version : 8\n"))
			Expect(s.run(byName("dana", 7)).ended.GetText()).To(ContainSubstring("is not what it was when tiny:7 of dana was added"))
			Expect(s.run(byName("dana", 8)).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))
		})

		It("names the digest that the description names", func() {
			asks("dana", addition(fmt.Sprintf("sha256 : %x", sha256.Sum256(theImage()))))
			s.file("images/image.tar", string(another))
			Expect(asks("dana", update(tiny)).(*message.EnvUpdated).GetEnv().GetVersion()).To(BeEquivalentTo(8))
			Expect(text()).To(ContainSubstring(fmt.Sprintf("sha256 : %x\n", sha256.Sum256(another))))
		})

		It("changes nothing when another part has changed than was asked for", func() {
			asks("dana", addition("postinstall : post.tgz|tgz|post.sh"))
			s.file("images/image.tar", string(another))
			no := s.clientOf("dana").refused(update(tiny, "postinstalls"))
			Expect(no.GetText()).To(ContainSubstring("image " + s.path("images/image.tar") + " has changed, too, and only postinstalls was to be updated"))
			Expect(versions()).To(Equal([]string{"7 private"}))
			Expect(s.clientOf("dana").refused(update(tiny, "kernel")).GetText()).To(ContainSubstring("known: image, preinstall, postinstalls"))
			Expect(asks("dana", update(tiny, "image")).(*message.EnvUpdated).GetEnv().GetVersion()).To(BeEquivalentTo(8))
		})

		It("leaves an environment to its owner, whoever updates it, and is for him and admins", func() {
			shared := addition()
			shared.Visibility = "shared"
			asks("dana", shared)
			s.file("images/image.tar", string(another))
			Expect(s.clientOf("bob").refused(update(danas)).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
			Expect(asks("ada", update(danas)).(*message.EnvUpdated).GetEnv().GetUser()).To(Equal("dana"))
			version := uint32(7)
			Expect(s.clientOf("dana").refused(update(&message.EnvRef{Name: "tiny", Version: &version})).GetText()).To(ContainSubstring("tiny:7 of dana is not the newest"))
		})

		It("asks its owner for what he uploaded, and nobody else", func() {
			upload := func(content []byte) []*message.UploadedFile {
				sum := sha256.Sum256(content)
				_, err := s.depot.Append(context.Background(), "dana", sum, int64(len(content)), 0, bytes.NewReader(content))
				Expect(err).NotTo(HaveOccurred())
				return []*message.UploadedFile{{Path: "/home/dana/image.tar", Sha256: sum[:], Size: uint64(len(content))}}
			}
			r := addition()
			r.EnvironmentPath, r.Uploads = "/home/dana/tiny.env", upload(theImage())
			asks("dana", r)
			no := s.clientOf("dana").refused(update(tiny))
			Expect(no.GetCode()).To(Equal(message.Refusal_NEEDS_FILES))
			Expect(no.GetFiles()).To(Equal([]string{"/home/dana/image.tar"}))
			Expect(s.clientOf("ada").refused(update(danas)).GetText()).To(Equal("/home/dana/image.tar is not at the server, or dana may not name it: he may update it himself"))
			u := update(tiny)
			u.Uploads = upload(another)
			Expect(asks("dana", u).(*message.EnvUpdated).GetEnv().GetVersion()).To(BeEquivalentTo(8))
			Expect(s.depot.InUse("dana", sha256.Sum256(another))).To(BeTrue())
			Expect(s.depot.InUse("dana", sha256.Sum256(theImage()))).To(BeTrue())
		})
	})

	Describe("in place", func() {
		It("lets others use a version, or not any more, from the next request on", func() {
			asks("dana", addition())
			Expect(s.clientOf("bob").refused(byName("bob", 7)).GetCode()).To(Equal(message.Refusal_UNKNOWN_ID))
			asks("dana", set(tiny, "shared", false))
			Expect(s.run(byName("bob", 7)).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))
			Expect(s.clientOf("bob").refused(set(danas, "private", false)).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
			Expect(s.clientOf("dana").refused(set(tiny, "public", false)).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
			asks("ada", set(danas, "public", false))
			s.restart()
			Expect(versions()).To(Equal([]string{"7 public"}))
		})

		It("goes on with an operation that is under way", func() {
			s.cluster = map[string]string{"sandbox_boot_delay": "1"}
			s.writeConfig()
			s.restart()
			asks("dana", addition())
			asks("dana", set(tiny, "shared", false))
			o := s.begin(byName("bob", 7))
			o.enters("node-1", "wait_reboot")
			asks("dana", set(tiny, "private", false))
			Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		})

		It("tags descriptions, each version or the newest", func() {
			asks("dana", addition())
			second := addition()
			second.Environment = bytes.Replace(second.Environment, []byte("version : 7\n"), nil, 1)
			asks("dana", second)
			yes, no := true, false
			r := &message.EnvSet{ClientId: "1", Env: tiny, Destructive: &yes, AllVersions: true}
			Expect(asks("dana", r).(*message.Envs).GetEnvironments()).To(HaveLen(2))
			for _, e := range kept.all {
				Expect(string(e.Text)).To(ContainSubstring("demolishing_env : 10000\n"))
			}
			asks("dana", &message.EnvSet{ClientId: "2", Env: tiny, Destructive: &no})
			Expect(string(kept.all[0].Text)).To(ContainSubstring("demolishing_env : 10000\n"))
			Expect(text()).To(ContainSubstring("demolishing_env : 0\n"))
			Expect(s.clientOf("dana").refused(&message.EnvSet{ClientId: "3", Env: tiny}).GetText()).To(ContainSubstring("nothing to set"))
		})

		It("is not done when it cannot be kept", func() {
			asks("dana", addition())
			kept.breakWith(errors.New("disk full"))
			no := s.clientOf("dana").refused(set(tiny, "shared", false))
			Expect(no.GetCode()).To(Equal(message.Refusal_UNAVAILABLE))
			Expect(no.GetText()).To(Equal("the change could not be kept: disk full"))
			Expect(versions()).To(Equal([]string{"7 private"}))
		})

		It("is not told as undone when nobody knows, and is done when it is said again", func() {
			asks("dana", addition())
			kept.breakWith(fmt.Errorf("database x: %w", store.ErrUnavailable))
			no := s.clientOf("ada").refused(set(danas, "public", false))
			Expect(no.GetCode()).To(Equal(message.Refusal_UNAVAILABLE))
			Expect(no.GetText()).To(Equal("it is not known whether the change was kept: say it again: database x: the database does not answer"))
			Expect(kept.all[0].Visibility).To(Equal("public"))
			Expect(versions()).To(Equal([]string{"7 private"}))
			kept.breakWith(nil)
			asks("ada", set(danas, "public", false))
			Expect(versions()).To(Equal([]string{"7 public"}))

			kept.breakWith(store.ErrUnavailable)
			no = s.clientOf("dana").refused(&message.EnvRemove{ClientId: "once", Env: tiny})
			Expect(no.GetText()).To(HavePrefix("it is not known whether tiny:7 of dana was removed: say it again: "))
			kept.breakWith(nil)
			asks("dana", &message.EnvRemove{ClientId: "twice", Env: tiny})
			Expect(versions()).To(BeEmpty())
		})
	})

	Describe("when files have another place", func() {
		BeforeEach(func() {
			asks("dana", addition("postinstall : post.tgz|tgz|post.sh"))
			Expect(os.Mkdir(s.path("images/new"), 0o755)).To(Succeed())
		})

		It("names them there in the same version, once they are there", func() {
			before := text()
			stays := asks("ada", move(s.path("images/image.tar"), s.path("images/new/i.tar"))).(*message.EnvMoves).GetEnvironments()
			Expect(stays).To(HaveLen(1))
			Expect(stays[0].GetProblem()).To(ContainSubstring(s.path("images/new/i.tar")))
			Expect(text()).To(Equal(before))

			Expect(os.Rename(s.path("images/image.tar"), s.path("images/new/i.tar"))).To(Succeed())
			dry := move(s.path("images/image.tar"), s.path("images/new/i.tar"))
			dry.DryRun = true
			would := asks("ada", dry).(*message.EnvMoves).GetEnvironments()
			Expect(would).To(HaveLen(1))
			Expect(would[0].GetProblem()).To(BeEmpty())
			Expect(text()).To(Equal(before))

			asks("ada", move(s.path("images/image.tar"), s.path("images/new/i.tar")))
			Expect(text()).To(Equal(strings.Replace(before, s.path("images/image.tar"), s.path("images/new/i.tar"), 1)))
			s.restart()
			Expect(versions()).To(Equal([]string{"7 private"}))
			Expect(s.run(byName("dana", 7)).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))
			Expect(asks("ada", move(s.path("images/image.tar"), s.path("images/new/i.tar"))).(*message.EnvMoves).GetEnvironments()).To(BeEmpty())
		})

		It("does not take another file for one that was moved", func() {
			s.file("images/new/image.tar", string(another)+strings.Repeat("x", 512))
			stays := asks("ada", move(s.path("images/image.tar"), s.path("images/new/image.tar"))).(*message.EnvMoves).GetEnvironments()
			Expect(stays[0].GetProblem()).To(MatchRegexp("image .*/images/new/image.tar has [0-9]+ bytes, and not the [0-9]+ that it had"))
		})

		It("does not name for an owner what he may not name himself", func() {
			Expect(os.MkdirAll(s.path("secret"), 0o755)).To(Succeed())
			s.file("secret/image.tar", string(theImage()))
			stays := asks("ada", move(s.path("images/image.tar"), s.path("secret/image.tar"))).(*message.EnvMoves).GetEnvironments()
			Expect(stays[0].GetProblem()).To(ContainSubstring("or dana may not name it"))
		})

		It("is for admins", func() {
			Expect(s.clientOf("dana").refused(move("/a", "/b")).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
			Expect(s.clientOf("ada").refused(move("a", "/b")).GetText()).To(ContainSubstring("neither an absolute path nor a URL"))
		})
	})
})

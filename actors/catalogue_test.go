package actors_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/catalogue"
	"github.com/kadeploy/kadeploy/internal/store"
)

// drawer is a store of environments in memory, which may be broken.
type drawer struct {
	mu     sync.Mutex
	all    []catalogue.Environment
	broken error
}

func (d *drawer) Environments(context.Context) ([]catalogue.Environment, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.all), d.broken
}

func (d *drawer) AddEnvironment(_ context.Context, e catalogue.Environment) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken == nil {
		d.all = append(d.all, e)
	}
	return d.broken
}

func (d *drawer) RemoveEnvironment(_ context.Context, owner, name string, version int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = slices.DeleteFunc(d.all, func(e catalogue.Environment) bool {
		return e.Owner == owner && e.Name == name && e.Version == version
	})
	return d.broken
}

func (d *drawer) ChangeEnvironments(_ context.Context, changed []catalogue.Environment) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, now := range changed {
		for i, e := range d.all {
			if (d.broken == nil || errors.Is(d.broken, store.ErrUnavailable)) && e.String() == now.String() { // it was the answer that was lost
				d.all[i] = now
			}
		}
	}
	return d.broken
}

func (d *drawer) breakWith(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = err
}

var _ = Describe("The catalogue of environments", func() {
	var s *site
	var kept *drawer

	BeforeEach(func() {
		kept = &drawer{}
		s = newSite(blueprint{nodes: 1, uploads: true, envs: kept, memory: true})
		s.give(add("*", "node-1"))
	})

	// text is a description of tiny without a version, that a user keeps beside the images.
	text := func(more ...string) []byte {
		return bytes.Replace([]byte(description("image.tar|tar", more...)), []byte("version : 7\n"), nil, 1)
	}
	adding := func(visibility string, more ...string) *message.EnvAdd {
		return &message.EnvAdd{ClientId: uuid.NewString(), Environment: text(more...), EnvironmentPath: s.path("images/tiny.env"), Visibility: visibility}
	}
	added := func(user string, r *message.EnvAdd) *message.Env {
		GinkgoHelper()
		answer := s.clientOf(user).ask(r)
		Expect(answer).To(BeAssignableToTypeOf(&message.Env{}), fmt.Sprint(answer))
		return answer.(*message.Env)
	}
	ref := func(name, user string, version ...uint32) *message.EnvRef {
		r := &message.EnvRef{Name: name, User: user}
		if len(version) > 0 {
			r.Version = &version[0]
		}
		return r
	}
	byName := func(user string, r *message.EnvRef) *message.Submit {
		return &message.Submit{ClientId: uuid.NewString(), User: user, Nodes: s.names(),
			EnvironmentName: r.GetName(), EnvironmentUser: r.GetUser(), EnvironmentVersion: r.Version}
	}
	listed := func(user string, r *message.EnvList) []string {
		GinkgoHelper()
		r.ClientId = "list"
		answer := s.clientOf(user).ask(r)
		Expect(answer).To(BeAssignableToTypeOf(&message.Envs{}), fmt.Sprint(answer))
		names := []string{}
		for _, e := range answer.(*message.Envs).GetEnvironments() {
			names = append(names, fmt.Sprintf("%s:%d of %s", e.GetName(), e.GetVersion(), e.GetUser()))
			Expect(e.GetText()).To(BeEmpty())
		}
		return names
	}

	It("takes what can be deployed, with the digest of its image, and deploys it by its name", func() {
		e := added("dana", adding("private"))
		Expect(e.GetVersion()).To(BeEquivalentTo(1))
		sum := sha256.Sum256(theImage())
		Expect(e.GetImageDigest()).To(Equal(fmt.Sprintf("%x", sum)))
		Expect(e.GetImage()).To(Equal(s.path("images/image.tar")))
		o := s.run(byName("dana", ref("tiny", "")))
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		Expect(o.events[0].GetStarted().GetEnvironment()).To(Equal("tiny:1"))
	})

	It("takes one for another from an admin, with what that one may name, and from nobody else", func() {
		r := adding("private")
		r.User = "dana"
		Expect(s.clientOf("eve").ask(r)).To(HaveField("User", "dana"))
		Expect(listed("dana", &message.EnvList{})).To(Equal([]string{"tiny:1 of dana"}))
		Expect(s.run(byName("dana", ref("tiny", ""))).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))

		r = adding("private")
		r.User = "dana"
		no := s.clientOf("bob").refused(r)
		Expect(no.GetCode()).To(Equal(message.Refusal_FORBIDDEN))
		Expect(no.GetText()).To(Equal("environments of others are added by admins"))
		r.User = "a b"
		Expect(s.clientOf("eve").refused(r).GetCode()).To(Equal(message.Refusal_INVALID))
		r.User, r.ClientId, r.Environment = "dana", uuid.NewString(), bytes.Replace(text(), []byte("image.tar"), []byte("/home/eve/image.tar"), 1)
		no = s.clientOf("eve").refused(r)
		Expect(no.GetCode()).To(Equal(message.Refusal_INVALID), "nothing is uploaded for another")
		Expect(no.GetText()).To(Equal("/home/eve/image.tar is not at the server, or dana may not name it: he may add it himself"))
	})

	It("counts versions, deploys the newest unless another is named, and lists it alone", func() {
		added("dana", adding("private"))
		added("dana", adding("private"))
		Expect(listed("dana", &message.EnvList{})).To(Equal([]string{"tiny:2 of dana"}))
		Expect(listed("dana", &message.EnvList{AllVersions: true})).To(Equal([]string{"tiny:2 of dana", "tiny:1 of dana"}))
		for version, r := range map[string]*message.EnvRef{"tiny:2": ref("tiny", ""), "tiny:1": ref("tiny", "", 1)} {
			o := s.run(byName("dana", r))
			Expect(o.events[0].GetStarted().GetEnvironment()).To(Equal(version))
		}
	})

	It("goes on with the version that was newest when the request came, also in another server", func() {
		s.cluster = map[string]string{"sandbox_boot_delay": "1"}
		s.writeConfig()
		s.restart()
		added("dana", adding("private"))
		o := s.begin(byName("dana", ref("tiny", "")))
		o.enters("node-1", "wait_reboot")
		added("dana", adding("private"))
		s.restart()
		again := &operation{client: s.clientOf("dana"), id: o.id, events: o.events}
		again.send(&message.Subscribe{Id: o.id, From: uint64(len(o.events) + 1), Credit: 1000, ClientId: again.client.id})
		Expect(again.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), again.ended.String())
		nodes := s.client().ask(&message.NodesRequest{ClientId: "n"}).(*message.Nodes).GetNodes()
		Expect(nodes[0].GetEnvironment()).To(Equal("tiny:1"))
	})

	It("adds once what a client asks for twice, because the answer was lost", func() {
		r := adding("private")
		added("dana", r)
		again := added("dana", r)
		Expect(again.GetVersion()).To(BeEquivalentTo(1))
		Expect(listed("dana", &message.EnvList{AllVersions: true})).To(HaveLen(1))
	})

	It("keeps the private from others, lets the shared be used by whoever names its owner, and shows the public to all", func() {
		added("dana", adding("private"))
		no := s.clientOf("bob").refused(byName("bob", ref("tiny", "dana")))
		Expect(no.GetCode()).To(Equal(message.Refusal_UNKNOWN_ID))
		added("dana", adding("shared"))
		Expect(listed("bob", &message.EnvList{})).To(BeEmpty())
		Expect(listed("bob", &message.EnvList{User: "dana", AllVersions: true})).To(Equal([]string{"tiny:2 of dana"}))
		Expect(s.clientOf("bob").refused(byName("bob", ref("tiny", ""))).GetText()).To(Equal(`no environment "tiny"; dana has one: say -u dana`))
		Expect(s.run(byName("bob", ref("tiny", "dana"))).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))

		Expect(s.clientOf("dana").refused(adding("public")).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
		added("ada", adding("public"))
		Expect(listed("bob", &message.EnvList{})).To(Equal([]string{"tiny:1 of ada"}))
		Expect(s.run(byName("bob", ref("tiny", ""))).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))
	})

	It("is there again after a restart, with what was uploaded for it", func() {
		mine := theImage()
		_, err := s.depot.Append(context.Background(), "dana", sha256.Sum256(mine), int64(len(mine)), 0, bytes.NewReader(mine))
		Expect(err).NotTo(HaveOccurred())
		r := adding("shared")
		r.EnvironmentPath = "/home/dana/tiny.env"
		no := s.clientOf("dana").refused(r)
		Expect(no.GetCode()).To(Equal(message.Refusal_NEEDS_FILES))
		Expect(no.GetFiles()).To(Equal([]string{"/home/dana/image.tar"}))
		sum := sha256.Sum256(mine)
		r.ClientId, r.Uploads = uuid.NewString(), []*message.UploadedFile{{Path: "/home/dana/image.tar", Sha256: sum[:], Size: uint64(len(mine))}}
		added("dana", r)
		Expect(s.depot.InUse("dana", sum)).To(BeTrue(), "what the catalogue needs must stay")

		s.restart()
		Expect(s.depot.InUse("dana", sum)).To(BeTrue())
		o := s.run(byName("bob", ref("tiny", "dana")))
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		Expect(o.events[0].GetStarted().GetImage()).To(Equal("/home/dana/image.tar"))

		Expect(s.clientOf("dana").ask(&message.EnvRemove{ClientId: "rm", Env: ref("tiny", "")})).To(BeAssignableToTypeOf(&message.Envs{}))
		Eventually(func() bool { return s.depot.InUse("dana", sum) }).Should(BeFalse())
		s.restart()
		Expect(listed("dana", &message.EnvList{})).To(BeEmpty())
	})

	It("shows a description that means the same wherever it is saved", func() {
		added("ada", adding("shared", "postinstall : ../post.tgz|tgz|post.sh", "# a comment"))
		answer := s.client().ask(&message.EnvShow{ClientId: "show", Env: ref("tiny", "")}).(*message.Env)
		Expect(string(answer.GetText())).To(ContainSubstring("tarball : " + s.path("images/image.tar") + "|tar\n"))
		Expect(string(answer.GetText())).To(ContainSubstring("postinstall : " + s.path("post.tgz") + "|tgz|post.sh\n"))
		Expect(string(answer.GetText())).To(ContainSubstring("# a comment"))
		again := adding("shared")
		again.Environment, again.EnvironmentPath = answer.GetText(), "/elsewhere/tiny.env"
		Expect(added("ada", again).GetVersion()).To(BeEquivalentTo(2))
	})

	It("refuses what could not be deployed, and says why", func() {
		s.file("images/broken.tar", "this is no tar file")
		broken := adding("private")
		broken.Environment = []byte(description("broken.tar|tar"))
		Expect(s.clientOf("dana").refused(broken).GetText()).To(ContainSubstring("images/broken.tar"))
		steering := adding("private", "# \x1b]0;title\a")
		Expect(s.clientOf("dana").refused(steering).GetText()).To(ContainSubstring("control character on line 8"))
		wrong := adding("private", "nonsense : 1", "more : 2")
		no := s.clientOf("dana").refused(wrong)
		Expect(no.GetText()).To(ContainSubstring("tiny.env:"))
		Expect(no.GetText()).To(ContainSubstring(`unknown field "nonsense"`))
		Expect(no.GetText()).To(ContainSubstring(`unknown field "more"`))
		Expect(listed("dana", &message.EnvList{})).To(BeEmpty())
	})

	It("does not deploy, nor call good, what has changed since it was added", func() {
		added("dana", adding("private"))
		Expect(s.clientOf("dana").ask(&message.EnvVerify{ClientId: "v1", Env: ref("tiny", "")})).To(BeAssignableToTypeOf(&message.Env{}))
		Expect(os.WriteFile(s.path("images/image.tar"), tarOf(entry{name: "vmlinuz", content: "another"}), 0o644)).To(Succeed())
		no := s.clientOf("dana").refused(&message.EnvVerify{ClientId: "v2", Env: ref("tiny", "")})
		Expect(no.GetText()).To(ContainSubstring("is not what it was when tiny:1 of dana was added"))
		o := s.run(byName("dana", ref("tiny", "")))
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_FAILED))
		Expect(o.ended.GetText()).To(ContainSubstring("is not what it was"))
		Expect(os.Remove(s.path("images/image.tar"))).To(Succeed())
		Expect(s.clientOf("dana").refused(byName("dana", ref("tiny", ""))).GetText()).To(ContainSubstring("not at the server any more"))
	})

	It("checks a few at a time for one user, and others beside them", func() {
		path := s.path("images/slow.tar") // big enough to be under way when the next request comes
		s.file("images/slow.tar", string(theImage()))
		Expect(os.Truncate(path, 2<<30)).To(Succeed())
		c := s.clientOf("dana")
		for range 5 {
			r := adding("private")
			r.Environment = []byte(description("slow.tar|tar"))
			c.send(r)
		}
		no := c.next()
		Expect(no).To(BeAssignableToTypeOf(&message.Refused{}))
		Expect(no.(*message.Refused).GetCode()).To(Equal(message.Refusal_UNAVAILABLE))
		added("bob", adding("private"))
	})

	It("lets its owner and admins remove, nobody else", func() {
		added("dana", adding("shared"))
		added("dana", adding("shared"))
		Expect(s.clientOf("bob").refused(&message.EnvRemove{ClientId: "rm", Env: ref("tiny", "dana")}).GetCode()).To(Equal(message.Refusal_FORBIDDEN))
		gone := s.client().ask(&message.EnvRemove{ClientId: "rm", Env: ref("tiny", "dana"), AllVersions: true}).(*message.Envs)
		Expect(gone.GetEnvironments()).To(HaveLen(2))
		Expect(kept.Environments(context.Background())).To(BeEmpty())
	})

	It("changes nothing when it cannot be kept", func() {
		kept.breakWith(errors.New("disk full"))
		no := s.clientOf("dana").refused(adding("private"))
		Expect(no.GetCode()).To(Equal(message.Refusal_UNAVAILABLE))
		Expect(no.GetText()).To(ContainSubstring("disk full"))
		Expect(listed("dana", &message.EnvList{})).To(BeEmpty())
		kept.breakWith(nil)
		Expect(added("dana", adding("private")).GetVersion()).To(BeEquivalentTo(1))
	})

	It("goes on after its actor has crashed", func() {
		added("dana", adding("private"))
		s.crash("root/catalogue", actors.Poison("catalogue"))
		Expect(listed("dana", &message.EnvList{})).To(HaveLen(1))
	})

	It("helps with a name that it does not know", func() {
		added("dana", adding("private"))
		Expect(s.clientOf("dana").refused(byName("dana", ref("tine", ""))).GetText()).To(Equal(`no environment "tine": did you mean "tiny"?`))
		Expect(s.clientOf("dana").refused(byName("dana", ref("tiny", "", 7))).GetText()).To(Equal(`no version 7 of "tiny": dana has version 1`))
		both := byName("dana", ref("tiny", ""))
		both.Environment = text()
		Expect(s.clientOf("dana").refused(both).GetCode()).To(Equal(message.Refusal_INVALID))
	})
})

var _ = DescribeTable("A server without a catalogue says so", func(r proto.Message) {
	s := newSite(blueprint{nodes: 1})
	Expect(s.client().refused(r).GetText()).To(ContainSubstring("keeps no catalogue"))
},
	Entry("for lists", &message.EnvList{ClientId: "1"}), Entry("for additions", &message.EnvAdd{ClientId: "1"}),
	Entry("for deployments", &message.Submit{ClientId: "1", Nodes: []string{"node-1"}, EnvironmentName: "tiny"}),
)

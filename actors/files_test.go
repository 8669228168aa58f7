package actors_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/depot"
)

var _ = Describe("A file that a description names", func() {
	var s *site
	var mine []byte
	var home string // of a user, on another machine

	BeforeEach(func() {
		s = plannedSite(GinkgoT().TempDir(), blueprint{nodes: 1, uploads: true, global: map[string]string{}})
		s.write()
		s.start()
		DeferCleanup(s.close)
		s.give(add("dana", "node-1"))
		mine, home = theImage(), filepath.Join(s.dir, "home-of-dana")
	})

	// asks is a deployment of tiny with its image, from a description in a user's home.
	asks := func(user, image string, more ...string) *message.Submit {
		r := s.deployment()
		r.User, r.Environment, r.EnvironmentPath = user, []byte(description(image+"|tar", more...)), home+"/tiny.env"
		return r
	}
	sends := func(user string, b []byte) {
		GinkgoHelper()
		have, err := s.depot.Append(context.Background(), user, sha256.Sum256(b), int64(len(b)), 0, bytes.NewReader(b))
		Expect(err).NotTo(HaveOccurred())
		Expect(have).To(BeEquivalentTo(len(b)))
	}
	uploaded := func(path string, b []byte) *message.UploadedFile {
		sum := sha256.Sum256(b)
		return &message.UploadedFile{Path: path, Sha256: sum[:], Size: uint64(len(b))}
	}
	pinned := func(user string, b []byte) func() bool {
		return func() bool {
			GinkgoHelper()
			return s.depot.InUse(user, sha256.Sum256(b))
		}
	}

	It("is read below a root of the site, whoever names it", func() {
		o := s.run(asks("dana", s.path("images/image.tar")))
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		Expect(o.events[0].GetStarted().GetImage()).To(Equal(s.path("images/image.tar")))
	})

	It("anywhere else must be uploaded first: all such files are named in one refusal", func() {
		no := s.clientOf("dana").refused(asks("dana", "tiny.tar", "preinstall : /etc/shadow|tgz|x.sh", "postinstall : "+s.path("image.tar")+"|tar|y.sh"))
		Expect(no.GetCode()).To(Equal(message.Refusal_NEEDS_FILES))
		Expect(no.GetFiles()).To(Equal([]string{home + "/tiny.tar", "/etc/shadow", s.path("image.tar")}))
		Expect(no.GetText()).To(ContainSubstring(home + "/tiny.tar and 2 more files"))
		s.untouched()
		s.free()
	})

	It("is not read through a link below a root that leads out of it", func() {
		Expect(os.Symlink(s.path("image.tar"), s.path("images/link.tar"))).To(Succeed())
		for _, name := range []string{s.path("images/link.tar"), s.path("images") + "/../image.tar"} {
			Expect(s.clientOf("dana").refused(asks("dana", name)).GetCode()).To(Equal(message.Refusal_NEEDS_FILES))
		}
	})

	It("is deployed once it is uploaded, under its own name, and kept as long as the operation runs", func() {
		sends("dana", mine)
		post := gzipped(tarOf(entry{name: "post.sh", content: "#!/bin/sh\nexit 0\n"}))
		sends("dana", post)
		r := asks("dana", "tiny.tar", "postinstall : p.tgz|tgz|post.sh")
		r.Uploads = []*message.UploadedFile{uploaded(home+"/tiny.tar", mine), uploaded(home+"/p.tgz", post)}
		o := s.begin(r)
		o.enters("node-1", "reboot")
		Expect(pinned("dana", mine)()).To(BeTrue())
		Expect(pinned("dana", post)()).To(BeTrue())
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		Expect(o.events[0].GetStarted().GetImage()).To(Equal(home + "/tiny.tar"))
		for _, e := range o.events {
			Expect(e.String()).NotTo(ContainSubstring(s.snapshot.Global.UploadDir))
		}
		Eventually(pinned("dana", mine)).Should(BeFalse())
		Eventually(pinned("dana", post)).Should(BeFalse())
	})

	It("follows roots and limits that are changed while the server runs", func() {
		s.global["image_roots"] = s.path("elsewhere")
		s.global["upload_max_file"] = "1MiB"
		s.writeConfig()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		Expect(actors.Reload(ctx, s.system)).To(Succeed())
		Expect(s.clientOf("dana").refused(asks("dana", s.path("images/image.tar"))).GetCode()).To(Equal(message.Refusal_NEEDS_FILES))
		_, err := s.depot.Append(ctx, "dana", sha256.Sum256(mine), 1<<20+1, 0, bytes.NewReader(mine))
		Expect(err).To(BeAssignableToTypeOf(&depot.TooBigError{}))
	})

	It("that somebody else has uploaded is worth nothing", func() {
		sends("bob", mine)
		r := asks("dana", "tiny.tar")
		r.Uploads = []*message.UploadedFile{uploaded(home+"/tiny.tar", mine)}
		no := s.clientOf("dana").refused(r)
		Expect(no.GetCode()).To(Equal(message.Refusal_NEEDS_FILES))
		Expect(no.GetFiles()).To(Equal([]string{home + "/tiny.tar"}))
	})

	It("is let go of when the request is refused after all", func() {
		sends("dana", mine)
		r := asks("dana", "tiny.tar", "postinstall : p.tgz|tgz|post.sh")
		r.Uploads = []*message.UploadedFile{uploaded(home+"/tiny.tar", mine)}
		Expect(s.clientOf("dana").refused(r).GetCode()).To(Equal(message.Refusal_NEEDS_FILES))
		Expect(pinned("dana", mine)()).To(BeFalse())
		r = asks("dana", "tiny.tar")
		r.Uploads = []*message.UploadedFile{uploaded(home+"/tiny.tar", mine)}
		r.DryRun = true
		Expect(s.clientOf("dana").ask(r)).To(BeAssignableToTypeOf(&message.Checked{}))
		Expect(pinned("dana", mine)()).To(BeFalse())
	})

	It("that was uploaded spoiled is spoken of by its own name", func() {
		bad := []byte("this is no tar file")
		sends("dana", bad)
		r := asks("dana", "tiny.tar")
		r.Uploads = []*message.UploadedFile{uploaded(home+"/tiny.tar", bad)}
		o := s.run(r)
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_FAILED))
		Expect(o.ended.GetText()).To(ContainSubstring(home + "/tiny.tar"))
		Expect(o.ended.GetText()).NotTo(ContainSubstring(s.snapshot.Global.UploadDir))
	})

	It("need not be uploaded for a dry run, which says that it would have to be", func() {
		r := asks("dana", "tiny.tar")
		r.DryRun = true
		answer := s.clientOf("dana").ask(r)
		Expect(answer).To(BeAssignableToTypeOf(&message.Checked{}))
		Expect(answer.(*message.Checked).GetLines()).To(ContainElement(HavePrefix(home + "/tiny.tar: is uploaded first")))
	})

	It("may be any of the server when an admin names it, and one that the server does not have is asked for", func() {
		o := s.run(asks("ada", s.path("image.tar")))
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		no := s.client().refused(asks("ada", "tiny.tar"))
		Expect(no.GetCode()).To(Equal(message.Refusal_NEEDS_FILES))
		Expect(s.client().refused(asks("ada", s.dir)).GetText()).To(ContainSubstring("is a directory"))
	})

	DescribeTable("with nonsense about uploads is refused", func(change func(*message.Submit), why string) {
		r := asks("dana", "tiny.tar")
		change(r)
		no := s.clientOf("dana").refused(r)
		Expect(no.GetCode()).To(Equal(message.Refusal_INVALID))
		Expect(no.GetText()).To(ContainSubstring(why))
	},
		Entry("a digest too short", func(r *message.Submit) { r.Uploads = []*message.UploadedFile{{Path: "/x", Sha256: []byte("x")}} }, "has 1 bytes, not 32"),
		Entry("too many", func(r *message.Submit) { r.Uploads = make([]*message.UploadedFile, 67) }, "at most 66"),
	)
})

var _ = Describe("A server that takes no uploads", func() {
	It("refuses a file outside of its roots, and says what users may do", func() {
		s := newSite(blueprint{nodes: 1})
		s.give(add("dana", "node-1"))
		r := s.deployment()
		r.Environment = []byte(description("image.tar|tar"))
		no := s.clientOf("dana").refused(r)
		Expect(no.GetCode()).To(Equal(message.Refusal_INVALID))
		Expect(no.GetText()).To(ContainSubstring("is not below the image_roots of the site, and this server takes no uploads"))
	})
})

package client_test

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/depot"
)

var _ = Describe("A request that needs files", func() {
	var (
		home  string
		store *depot.Depot
		up    client.Uploader
		asked []*message.Submit
		wants [][]string // by the server, one list after the other; then it accepts
		told  []client.UploadProgress
	)
	BeforeEach(func() {
		home, asked, wants, told = GinkgoT().TempDir(), nil, nil, nil
		Expect(os.WriteFile(filepath.Join(home, "tiny.tar"), []byte("image"), 0o600)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(home, "post.tgz"), []byte("post"), 0o600)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(home, "id_rsa"), []byte("secret"), 0o600)).To(Succeed())
		var err error
		store, err = depot.Open(depot.Config{Dir: GinkgoT().TempDir()})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(store.Close)
		server := httptest.NewServer(depot.Handler(store, func(*http.Request) (string, bool) { return "ada", true }))
		DeferCleanup(server.Close)
		up = client.HTTPUploader(server.Client(), server.URL)
	})

	request := func() *message.Submit {
		return &message.Submit{Nodes: []string{"n"}, EnvironmentPath: home + "/tiny.env", Environment: []byte(
			"name : tiny\nversion : 1\ntarball : tiny.tar|tar\npostinstall : post.tgz|tgz|x.sh\nkernel : /vmlinuz\nfilesystem : ext4\nfdisktype : 83\nenvironment_kind : linux\n")}
	}
	deliver := func() error {
		_, err := client.Deliver(context.Background(), func(_ context.Context, r *message.Submit) (proto.Message, error) {
			asked = append(asked, proto.Clone(r).(*message.Submit))
			if n := len(asked); n <= len(wants) {
				return nil, &client.RefusedError{Refused: &message.Refused{Code: message.Refusal_NEEDS_FILES, Text: "needs files", Files: wants[n-1]}}
			}
			return &message.Accepted{Id: "D-1"}, nil
		}, up, func(p client.UploadProgress) { told = append(told, p) }, request())
		return err
	}
	has := func(content string) bool {
		GinkgoHelper()
		_, complete, err := store.Status(context.Background(), "ada", sha256.Sum256([]byte(content)))
		Expect(err).NotTo(HaveOccurred())
		return complete
	}

	It("brings them and is submitted again, with their digests", func() {
		wants = [][]string{{home + "/tiny.tar", home + "/post.tgz"}}
		Expect(deliver()).To(Succeed())
		Expect(has("image")).To(BeTrue())
		Expect(has("post")).To(BeTrue())
		Expect(asked).To(HaveLen(2))
		Expect(asked[0].GetUploads()).To(BeEmpty())
		sum := sha256.Sum256([]byte("image"))
		Expect(asked[1].GetUploads()).To(HaveLen(2))
		Expect(asked[1].GetUploads()[0]).To(Satisfy(func(u *message.UploadedFile) bool {
			return proto.Equal(u, &message.UploadedFile{Path: home + "/tiny.tar", Sha256: sum[:], Size: 5})
		}))
		Expect(told[0]).To(Equal(client.UploadProgress{Path: home + "/tiny.tar", Done: 5, Total: 5}))
		Expect(told[len(told)-1]).To(Equal(client.UploadProgress{Path: home + "/post.tgz", Sending: true, Done: 4, Total: 4}))
	})

	It("brings one that had to leave meanwhile again, but not for ever", func() {
		wants = [][]string{{home + "/tiny.tar"}, {home + "/tiny.tar"}}
		Expect(deliver()).To(Succeed())
		Expect(asked[2].GetUploads()).To(HaveLen(1))
		asked, wants = nil, [][]string{{home + "/tiny.tar"}, {home + "/tiny.tar"}, {home + "/tiny.tar"}, {home + "/tiny.tar"}}
		Expect(deliver()).To(MatchError("needs files"))
		Expect(asked).To(HaveLen(3))
	})

	It("brings nothing that the description does not name, whatever the server wants", func() {
		for _, path := range []string{home + "/id_rsa", "/etc/passwd", home + "/../" + filepath.Base(home) + "/tiny.tar", "", home + "/tiny.env"} {
			asked, wants = nil, [][]string{{path}}
			Expect(deliver()).To(MatchError(ContainSubstring("which the description does not name")))
			Expect(asked).To(HaveLen(1))
		}
		wants, asked = [][]string{{}}, nil
		Expect(deliver()).To(MatchError(ContainSubstring("does not say which")))
		Expect(has("secret")).To(BeFalse())
	})

	It("fails with what is wrong with a file of the client", func() {
		wants = [][]string{{home + "/tiny.tar"}}
		Expect(os.Remove(filepath.Join(home, "tiny.tar"))).To(Succeed())
		Expect(deliver()).To(MatchError(home + "/tiny.tar is not at the server, and cannot be uploaded: no such file or directory"))
		Expect(os.Mkdir(filepath.Join(home, "tiny.tar"), 0o700)).To(Succeed())
		asked = nil
		Expect(deliver()).To(MatchError(ContainSubstring("is no regular file")))
	})

	It("is refused when nothing can bring them", func() {
		up, wants = nil, [][]string{{home + "/tiny.tar"}}
		Expect(deliver()).To(MatchError("needs files"))
	})
})

package blackout

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
)

var _ = Describe("The judge of the image cache", func() {
	var dir string
	BeforeEach(func() { dir = GinkgoT().TempDir() })
	write := func(name string, content []byte) {
		GinkgoHelper()
		path := filepath.Join(dir, name)
		Expect(os.MkdirAll(filepath.Dir(path), 0o755)).To(Succeed())
		Expect(os.WriteFile(path, content, 0o644)).To(Succeed())
	}
	digest := func(content string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(content))) }
	file := func(content string) string { return "sha256/" + digest(content)[:2] + "/" + digest(content) }
	wrong := func() []string {
		GinkgoHelper()
		_, wrong, err := readShelf(dir)
		Expect(err).NotTo(HaveOccurred())
		return wrong
	}

	It("has nothing against whole files beside half ones that are on their way, nor against a cache that was not made yet", func() {
		write(file("image"), []byte("image"))
		write("urls/"+digest("url"), []byte("{}"))
		write("partial/"+digest("other"), []byte("hal"))
		write("lock", nil)
		s, wrong, err := readShelf(dir)
		Expect(err).NotTo(HaveOccurred())
		Expect(wrong).To(BeEmpty())
		Expect(s.files).To(Equal(map[string]bool{digest("image"): true}))
		_, wrong, err = readShelf(filepath.Join(dir, "none"))
		Expect(err).NotTo(HaveOccurred())
		Expect(wrong).To(BeEmpty())
	})
	It("finds a file that is not what its name says, and one without such a name", func() {
		write(file("image"), []byte("imag"))
		write("sha256/ab/new", []byte("image"))
		Expect(wrong()).To(ConsistOf(ContainSubstring(digest("image")), ContainSubstring("ab/new")))
	})
	It("finds more than the limit, with what is on its way", func() {
		write(file("image"), []byte("image"))
		write("partial/"+digest("other"), make([]byte, cacheSize+1<<20))
		Expect(wrong()).To(ConsistOf(ContainSubstring("its limit is")))
	})
	It("finds a file that left while an operation used it", func() {
		note := func(at float64) *message.Event {
			return &message.Event{Time: timestamppb.New(second(at)), Fact: &message.Event_Note{Note: &message.Note{ImageDigest: "d"}}}
		}
		end := &message.Event{Time: timestamppb.New(second(8)), Fact: &message.Event_Ended{Ended: &message.Ended{}}}
		judged := func(files map[string]bool, events ...*message.Event) []string {
			return judgeHolds(map[string]bool{"d": true}, map[string][]*message.Event{"D": events}, []shelf{{seen: second(10), files: files}})
		}
		Expect(judged(nil, note(6))).To(ConsistOf(ContainSubstring("D used the file d")))
		Expect(judged(map[string]bool{"d": true}, note(6))).To(BeEmpty())
		Expect(judged(nil, note(4))).To(HaveLen(1), "also by the daemon before that one")
		Expect(judged(nil, note(6), end)).To(BeEmpty())
		Expect(judged(nil, note(11))).To(BeEmpty())
		post := note(7)
		post.GetNote().ImageDigest, post.GetNote().Fetched = "", &message.FetchedFile{Sha256: "d"}
		Expect(judged(nil, post)).To(HaveLen(1), "a post-install, too")
	})
})

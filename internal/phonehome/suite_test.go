package phonehome_test

import (
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/phonehome"
)

// suiteT is what synctest wants to know the test by.
var suiteT *testing.T

func TestPhoneHome(t *testing.T) {
	suiteT = t
	RegisterFailHandler(Fail)
	RunSpecs(t, "phone home")
}

var note = phonehome.Note{
	URL: "http://10.77.0.1:25302/phone-home/node-1", Token: strings.Repeat("0a", 16), Digest: strings.Repeat("d1", 32),
}

var _ = Describe("A note", func() {
	It("is read as it was written", func() {
		Expect(phonehome.Parse(note.Text())).To(Equal(note))
	})

	DescribeTable("is refused in one line that shows nothing of it, when it", func(change func(string) string) {
		_, err := phonehome.Parse([]byte(change(string(note.Text()))))
		Expect(err).To(MatchError(And(Not(ContainSubstring("\n")), Not(ContainSubstring("0a0a")))))
	},
		Entry("lacks its token", func(s string) string { return strings.Replace(s, "token="+note.Token+"\n", "", 1) }),
		Entry("has a line twice", func(s string) string { return s + "token=" + note.Token + "\n" }),
		Entry("has a line that nobody knows", func(s string) string { return s + "user=root\n" }),
		Entry("has a short token", func(s string) string { return strings.Replace(s, "0a\n", "\n", 1) }),
		Entry("has a digest that is none", func(s string) string { return strings.Replace(s, "digest=d", "digest=x", 1) }),
		Entry("calls over another protocol", func(s string) string { return strings.Replace(s, "http:", "file:", 1) }),
		Entry("is too long", func(s string) string { return s + strings.Repeat("\n", phonehome.MaxNote) }),
		Entry("is empty", func(string) string { return "" }),
	)
})

func FuzzParse(f *testing.F) {
	f.Add(note.Text())
	f.Add([]byte("url=\ntoken=\ndigest=\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := phonehome.Parse(text)
		if err != nil {
			return
		}
		if again, err := phonehome.Parse(n.Text()); err != nil || again != n {
			t.Fatalf("%q is read as %v, and that as %v, %v", text, n, again, err)
		}
	})
}

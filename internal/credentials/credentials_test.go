package credentials_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/credentials"
)

func TestCredentials(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Credentials")
}

var _ = Describe("The file of logins", func() {
	write := func(text string, mode os.FileMode) string {
		file := filepath.Join(GinkgoT().TempDir(), "bmc")
		Expect(os.WriteFile(file, []byte(text), 0o600)).To(Succeed())
		Expect(os.Chmod(file, mode)).To(Succeed())
		return file
	}

	It("gives a host the first line that names it or matches it", func() {
		book, err := credentials.Read(write("# racks\nnode-1.lab root  a b\t\n\n10.0.0.? admin net\n* ADMIN  ADMIN\n", 0o600))
		Expect(err).NotTo(HaveOccurred())
		for _, line := range []struct {
			names          []string
			user, password string
		}{
			{[]string{"node-1.lab", "node-1", "10.0.0.1"}, "root", "a b"},
			{[]string{"node-2.lab", "10.0.0.2"}, "admin", "net"},
			{[]string{"node-3.lab", "10.0.0.30"}, "ADMIN", "ADMIN"},
		} {
			login, found := book.Find(line.names...)
			Expect(found).To(BeTrue())
			Expect(login.User).To(Equal(line.user))
			Expect(login.Password).To(Equal(line.password))
		}
	})

	It("takes the environment when there is no file", func() {
		GinkgoT().Setenv(credentials.UserVariable, "root")
		GinkgoT().Setenv(credentials.PasswordVariable, "secret")
		login, err := credentials.For("", "node-1")
		Expect(err).NotTo(HaveOccurred())
		Expect(login.Password).To(Equal("secret"))
	})

	It("never shows a login", func() {
		login := credentials.Login{User: "hunter", Password: "hunter2"}
		shown, err := json.Marshal(login)
		Expect(err).NotTo(HaveOccurred())
		Expect(fmt.Sprintf("%v %+v %#v %s %s", login, login, login, login, shown)).NotTo(ContainSubstring("hunter"))
	})

	DescribeTable("is refused in one line that says what to do, and holds nothing of it",
		func(text string, mode os.FileMode, want string) {
			_, err := credentials.For(write(text, mode), "node-1")
			Expect(err).To(MatchError(ContainSubstring(want)))
			Expect(err.Error()).NotTo(ContainSubstring("hunter2"))
		},
		Entry("others may read it", "* root hunter2\n", os.FileMode(0o644), "(mode 0644): chmod 600"),
		Entry("its group may", "* root hunter2\n", os.FileMode(0o640), "chmod 600"),
		Entry("half a line", "# none\nroot hunter2\n", os.FileMode(0o600), ":2: not HOST USER PASSWORD"),
		Entry("a bad pattern", "[a root hunter2\n", os.FileMode(0o600), ":1: the pattern"),
		Entry("nothing for the host", "node-2 root hunter2\n", os.FileMode(0o600), "no line for node-1"),
	)

	It("is refused when it is another user's", func() {
		if os.Geteuid() != 0 {
			Skip("needs root, to give a file away")
		}
		file := write("* root hunter2\n", 0o600)
		Expect(os.Chown(file, 12345, 0)).To(Succeed())
		_, err := credentials.Read(file)
		Expect(err).To(MatchError(ContainSubstring("belongs to user 12345")))
	})

	It("is refused when it is no file", func() {
		_, err := credentials.Read(GinkgoT().TempDir())
		Expect(err).To(HaveOccurred())
	})
})

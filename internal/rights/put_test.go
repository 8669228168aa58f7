package rights_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/rights"
)

var _ = Describe("Putting a right from elsewhere into a book", func() {
	now := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

	It("asks nobody who holds the node, nor whether the site has it", func() {
		b := rights.New()
		for _, user := range []string{"alice", "bob"} {
			Expect(b.Put(rights.Grant{User: user, Node: "node-1", Part: "3", By: "elsewhere", At: now})).To(Succeed())
		}
		Expect(b.Check("alice", []string{"node-1"}, "3", now)).To(Succeed())
		Expect(b.Check("bob", []string{"node-1"}, "3", now)).To(Succeed())
		Expect(b.Check("bob", []string{"node-1"}, "4", now)).NotTo(Succeed())
	})

	It("refuses what no file of rights may hold", func() {
		b := rights.New()
		Expect(b.Put(rights.Grant{User: "no name", Node: "node-1", Part: "3", At: now})).To(MatchError(ContainSubstring("is no name of a user")))
		Expect(b.Put(rights.Grant{User: "alice", Node: "node-1", Part: "sda3", At: now})).To(MatchError(ContainSubstring("give a number")))
		Expect(b.Put(rights.Grant{User: "alice", Node: "node-1", Part: "3", At: now, Until: now.Add(-time.Hour)})).To(MatchError(ContainSubstring("is over when it begins")))
		Expect(b.Put(rights.Grant{User: "alice", Part: "3", At: now})).To(MatchError("no node"))
		Expect(b.List(nil)).To(BeEmpty())
	})
})

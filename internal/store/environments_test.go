package store_test

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/store"
)

var _ = onBoth("The catalogue of environments", func(fresh func() string) {
	var s *store.Store
	BeforeEach(func() { s = opened(fresh()) })

	debian := store.Environment{Owner: "ada", Name: "debian", Version: 1, Visibility: "shared", Description: "for å test", Format: "yaml", Details: []byte("{}"),
		Text: []byte("name: debian\n"), Digest: "abcd", Added: noon}
	version := func(e store.Environment, owner string, n int) store.Environment {
		e.Owner, e.Version = owner, n
		return e
	}

	It("gives back what was added, the newest version of each owner first", func() {
		all := []store.Environment{version(debian, "ada", 10), version(debian, "ada", 9), version(debian, "bob", 1)}
		for _, i := range []int{1, 2, 0} {
			Expect(s.AddEnvironment(ctx, all[i])).To(Succeed())
		}
		Expect(s.Environments(ctx, store.EnvironmentFilter{})).To(Equal(all))
		Expect(s.Environments(ctx, store.EnvironmentFilter{Owner: "bob"})).To(Equal(all[2:]))
		Expect(s.Environments(ctx, store.EnvironmentFilter{Owner: "ada", Name: "debian"})).To(Equal(all[:2]))
		Expect(s.Environments(ctx, store.EnvironmentFilter{Name: "centos"})).To(BeEmpty())
	})

	It("has a version of a name once for each owner", func() {
		Expect(s.AddEnvironment(ctx, debian)).To(Succeed())
		again := debian
		again.Text = []byte("other")
		err := s.AddEnvironment(ctx, again)
		Expect(err).To(MatchError(store.ErrExists))
		Expect(err).To(MatchError("environment debian:1 of ada exists already"))
		Expect(s.AddEnvironment(ctx, version(debian, "bob", 1))).To(Succeed())
		Expect(s.Environments(ctx, store.EnvironmentFilter{Owner: "ada"})).To(Equal([]store.Environment{debian}))
	})

	It("forgets what is removed, and that alone", func() {
		Expect(s.AddEnvironment(ctx, debian)).To(Succeed())
		Expect(s.AddEnvironment(ctx, version(debian, "ada", 2))).To(Succeed())
		Expect(s.RemoveEnvironment(ctx, "ada", "debian", 1)).To(Succeed())
		Expect(s.RemoveEnvironment(ctx, "ada", "debian", 1)).To(MatchError(store.ErrUnknown))
		Expect(s.RemoveEnvironment(ctx, "bob", "debian", 2)).To(MatchError("environment debian:2 of bob is not known"))
		Expect(s.Environments(ctx, store.EnvironmentFilter{})).To(Equal([]store.Environment{version(debian, "ada", 2)}))
	})

	It("puts changes in the place of what was, all or none", func() {
		two := version(debian, "ada", 2)
		Expect(s.AddEnvironment(ctx, debian)).To(Succeed())
		Expect(s.AddEnvironment(ctx, two)).To(Succeed())
		public := two
		public.Visibility, public.Text, public.Details, public.Digest = "public", []byte("name: debian\ndestructive: true\n"), []byte(`{"a":1}`), "ef"
		Expect(s.ChangeEnvironments(ctx, []store.Environment{public, version(debian, "ada", 3)})).To(MatchError("environment debian:3 of ada is not known"))
		Expect(s.Environments(ctx, store.EnvironmentFilter{})).To(Equal([]store.Environment{two, debian}))
		later := public
		later.Added = at(60)
		Expect(s.ChangeEnvironments(ctx, []store.Environment{later})).To(Succeed())
		Expect(s.ChangeEnvironments(ctx, []store.Environment{later})).To(Succeed())
		Expect(s.Environments(ctx, store.EnvironmentFilter{})).To(Equal([]store.Environment{public, debian}))
	})

	DescribeTable("refuses names that would not come back as they are", func(owner, name string) {
		e := debian
		e.Owner, e.Name = owner, name
		Expect(s.AddEnvironment(ctx, e)).To(MatchError(ContainSubstring("expected an owner and a name")))
	},
		Entry("no owner", "", "x"), Entry("no name", "ada", ""), Entry("NUL", "ada", "x\x00"), Entry("too long", strings.Repeat("x", 256), "x"))

	It("lists a thousand", func() {
		for i := range 1000 {
			Expect(s.AddEnvironment(ctx, version(debian, fmt.Sprintf("user%d", i%10), i))).To(Succeed())
		}
		Expect(s.Environments(ctx, store.EnvironmentFilter{})).To(HaveLen(1000))
	})
})

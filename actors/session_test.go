package actors_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/supervisor/supervisortest"
)

// sessions are the actors of the subscriptions.
func (s *site) sessions() []string {
	var sessions []string
	for _, name := range supervisortest.Live(s.system) {
		if strings.HasPrefix(name, "root/api/") {
			sessions = append(sessions, name)
		}
	}
	return sessions
}

// numbers reads n events and returns their numbers.
func (c *client) numbers(n int) []uint64 {
	GinkgoHelper()
	var all []uint64
	for len(all) < n {
		m := c.next()
		if c.subscribed(m) {
			continue
		}
		Expect(m).To(BeAssignableToTypeOf(&message.Event{}))
		e := m.(*message.Event)
		Expect(e.GetClientId()).To(Equal(c.id))
		all = append(all, e.GetSeq())
	}
	return all
}

var _ = Describe("A client that watches", func() {
	var (
		s    *site
		id   string
		last uint64
	)
	BeforeEach(func() {
		s = newSite(blueprint{nodes: 1})
		o := s.run(s.deployment())
		id, last = o.id, uint64(len(o.events))
		o.send(&message.Unsubscribe{Id: id, ClientId: o.client.id})
		Eventually(s.sessions).Should(BeEmpty())
	})

	It("gets as many events as it gives credit for, and no more", func() {
		c := s.client()
		c.send(&message.Subscribe{Id: id, From: 1, Credit: 2, ClientId: c.id})
		Expect(c.numbers(2)).To(Equal([]uint64{1, 2}))
		Consistently(c.C).ShouldNot(Receive())
		c.send(&message.Credit{Id: id, More: 1, ClientId: c.id})
		Expect(c.numbers(1)).To(Equal([]uint64{3}))
		Consistently(c.C).ShouldNot(Receive())
	})

	It("hears that it is watched for, also when there is nothing to say", func() {
		c := s.client()
		answer := c.ask(&message.Subscribe{Id: id, From: last + 1, Credit: 2, ClientId: c.id})
		Expect(c.subscribed(answer)).To(BeTrue())
	})

	It("may ask for a number that there will never be", func() {
		c := s.client()
		Expect(c.subscribed(c.ask(&message.Subscribe{Id: id, From: 1<<64 - 1, Credit: 2, ClientId: c.id}))).To(BeTrue())
		Consistently(c.C).ShouldNot(Receive())
	})

	It("goes on from any number, again and again", func() {
		c := s.client()
		c.send(&message.Subscribe{Id: id, From: last, Credit: 10, ClientId: c.id})
		Expect(c.numbers(1)).To(Equal([]uint64{last}))
		c.send(&message.Subscribe{Id: id, From: 2, Credit: 3, ClientId: c.id})
		Expect(c.numbers(3)).To(Equal([]uint64{2, 3, 4}))
		Expect(s.sessions()).To(HaveLen(1))
	})

	It("an operation that nobody knows is refused, and its session ends", func() {
		c := s.client()
		no := c.refused(&message.Subscribe{Id: "D-0", Credit: 10, ClientId: c.id})
		Expect(no.GetCode()).To(Equal(message.Refusal_UNKNOWN_ID))
		Expect(no.GetClientId()).To(Equal(c.id))
		Eventually(s.sessions).Should(BeEmpty())
	})

	It("and dies ends its session", func() {
		c := s.client()
		c.send(&message.Subscribe{Id: id, From: last + 1, Credit: 10, ClientId: c.id})
		Eventually(s.sessions).Should(HaveLen(1))
		c.Stop(s.system)
		Eventually(s.sessions).Should(BeEmpty())
	})

	It("and lets go ends its session", func() {
		c := s.client()
		c.send(&message.Subscribe{Id: id, From: last + 1, Credit: 10, ClientId: c.id})
		Eventually(s.sessions).Should(HaveLen(1))
		c.send(&message.Unsubscribe{Id: id, ClientId: c.id})
		Eventually(s.sessions).Should(BeEmpty())
	})

	It("without an id, or with one that is too long, is ignored", func() {
		c := s.client()
		c.send(&message.Subscribe{Id: id, Credit: 10})
		c.send(&message.Subscribe{Id: id, Credit: 10, ClientId: strings.Repeat("x", 65)})
		c.send(&message.Subscribe{Id: id, Credit: 1, ClientId: c.id})
		Expect(c.numbers(1)).To(Equal([]uint64{1}))
		Expect(s.sessions()).To(HaveLen(1))
	})
})

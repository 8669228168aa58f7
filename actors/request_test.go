package actors_test

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/link"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/supervisor/supervisortest"
)

// patience bounds the wait for any answer or event.
const patience = 30 * time.Second

// client is an actor that speaks to the api actor, as the link would deliver it.
type client struct {
	*supervisortest.Probe
	site *site
	id   string
	user string // "": the link does not know him
}

// client is one of an admin.
func (s *site) client() *client { return s.clientOf("ada") }

func (s *site) clientOf(user string) *client {
	c := &client{supervisortest.NewProbe(s.system), s, uuid.NewString(), user}
	DeferCleanup(func() { c.Stop(s.system) })
	return c
}

func (c *client) send(m proto.Message) {
	header := map[string]string{}
	if c.user != "" {
		header[link.IdentityHeader] = "ka://user/" + c.user
	}
	c.sendWith(header, m)
}

func (c *client) sendWith(header map[string]string, m proto.Message) {
	c.site.system.Root.Send(c.site.pid("root/api"), &actor.MessageEnvelope{Header: header, Message: m, Sender: c.PID})
}

func (s *site) pid(name string) *actor.PID { return s.system.NewLocalPID(name) }

// next is the next message that the client gets.
func (c *client) next() any {
	GinkgoHelper()
	select {
	case m := <-c.C:
		return m
	case <-time.After(patience):
		Fail("nothing came")
		return nil
	}
}

func (c *client) ask(m proto.Message) any {
	GinkgoHelper()
	c.send(m)
	return c.next()
}

func (c *client) refused(m proto.Message) *message.Refused {
	GinkgoHelper()
	answer := c.ask(m)
	Expect(answer).To(BeAssignableToTypeOf(&message.Refused{}), fmt.Sprint(answer))
	no := answer.(*message.Refused)
	Expect(no.GetText()).NotTo(ContainSubstring("\n"))
	Expect(no.GetText()).NotTo(BeEmpty())
	return no
}

// deployment is a request to deploy the site's image on nodes; all of them when none is named.
func (s *site) deployment(nodes ...string) *message.Submit {
	GinkgoHelper()
	text, err := os.ReadFile(s.path("image.env"))
	Expect(err).NotTo(HaveOccurred())
	if len(nodes) == 0 {
		nodes = s.names()
	}
	return &message.Submit{
		ClientId: uuid.NewString(), User: "ada", Nodes: nodes, Environment: text, EnvironmentPath: s.path("image.env"),
	}
}

// operation is a request that was accepted, and what its client has seen of it.
type operation struct {
	*client
	id     string
	events []*message.Event
	ended  *message.Ended
	again  bool // it subscribed more than once
}

// begin submits a request in the name of its user, which must be accepted, and watches it.
func (s *site) begin(r *message.Submit) *operation {
	GinkgoHelper()
	c := s.clientOf(cmp.Or(r.GetUser(), "ada"))
	answer := c.ask(r)
	Expect(answer).To(BeAssignableToTypeOf(&message.Accepted{}), fmt.Sprint(answer))
	o := &operation{client: c, id: answer.(*message.Accepted).GetId()}
	c.send(&message.Subscribe{Id: o.id, Credit: 1000, ClientId: c.id})
	return o
}

// run submits a request and waits for its end.
func (s *site) run(r *message.Submit) *operation {
	GinkgoHelper()
	o := s.begin(r)
	o.end()
	return o
}

var errEnded = errors.New("the operation ended before that")

// until reads events up to one that fits.
func (o *operation) until(what string, fits func(*message.Event) bool) *message.Event {
	GinkgoHelper()
	for o.ended == nil {
		e := o.event()
		if fits(e) {
			return e
		}
	}
	Fail(fmt.Sprintf("%v: %s; %v", errEnded, what, o.ended))
	return nil
}

// silence is what a client bears before it subscribes again: its request may have been lost with an actor that crashed.
const silence = time.Second

// event reads one event: they are numbered from 1 without a gap.
func (o *operation) event() *message.Event {
	GinkgoHelper()
	e := o.receive()
	for o.again && e.GetSeq() <= uint64(len(o.events)) { // it was under way when the client asked for it again
		e = o.receive()
	}
	o.events = append(o.events, e)
	Expect(e.GetSeq()).To(BeEquivalentTo(len(o.events)), "numbers have no gaps")
	Expect(e.GetId()).To(Equal(o.id))
	o.ended = e.GetEnded()
	o.send(&message.Credit{Id: o.id, More: 1, ClientId: o.client.id})
	return e
}

// subscribed says whether m answers a Subscribe of the client.
func (c *client) subscribed(m any) bool {
	a, ok := m.(*message.Accepted)
	return ok && a.GetClientId() == c.id
}

func (o *operation) receive() *message.Event {
	GinkgoHelper()
	late := time.After(patience)
	for {
		select {
		case m := <-o.C:
			if o.subscribed(m) {
				continue
			}
			Expect(m).To(BeAssignableToTypeOf(&message.Event{}), fmt.Sprint(m))
			return m.(*message.Event)
		case <-time.After(silence):
			o.again = true
			o.send(&message.Subscribe{Id: o.id, From: uint64(len(o.events) + 1), Credit: 1000, ClientId: o.client.id})
		case <-late:
			Fail("no event came")
		}
	}
}

func (o *operation) end() *message.Ended {
	GinkgoHelper()
	o.until("its end", func(e *message.Event) bool { return e.GetEnded() != nil })
	return o.ended
}

// enters waits until a node is in a micro-step.
func (o *operation) enters(node, micro string) {
	GinkgoHelper()
	o.until(node+" in "+micro, func(e *message.Event) bool {
		n := e.GetNode()
		return n.GetNode() == node && n.GetMicro() == micro && n.GetPhase() == message.NodePhase_RUNNING
	})
}

// report is what the end says of a node.
func (o *operation) report(node string) *message.NodeReport {
	GinkgoHelper()
	for _, n := range o.ended.GetNodes() {
		if n.GetName() == node {
			return n
		}
	}
	Fail("no report of " + node)
	return nil
}

func (o *operation) phases() map[string]message.NodePhase {
	all := make(map[string]message.NodePhase)
	for _, n := range o.ended.GetNodes() {
		all[n.GetName()] = n.GetPhase()
	}
	return all
}

// retriesOf counts how often a node was tried again.
func (o *operation) retriesOf(node string) int {
	n := 0
	for _, e := range o.events {
		if e.GetNode().GetNode() == node && e.GetNode().GetPhase() == message.NodePhase_RETRYING {
			n++
		}
	}
	return n
}

// chains are the orders of the broadcasts that were started.
func (o *operation) chains() [][]string {
	var all [][]string
	for _, e := range o.events {
		if order := e.GetChain().GetOrder(); len(order) > 0 {
			all = append(all, order)
		}
	}
	return all
}

func (s *site) cancel(id string) {
	GinkgoHelper()
	answer := s.clientOf("eve").ask(&message.Cancel{Id: id, ClientId: "cancel"})
	Expect(answer).To(BeAssignableToTypeOf(&message.Accepted{}), fmt.Sprint(answer))
}

// state is what the server says of a node.
func (s *site) state(node string) *message.NodeStatus {
	GinkgoHelper()
	answer := s.client().ask(&message.NodesRequest{ClientId: "states"})
	for _, n := range answer.(*message.Nodes).GetNodes() {
		if n.GetName() == node {
			return n
		}
	}
	Fail("no node " + node)
	return nil
}

func (s *site) states() []string {
	GinkgoHelper()
	var all []string
	for _, n := range s.client().ask(&message.NodesRequest{ClientId: "states"}).(*message.Nodes).GetNodes() {
		all = append(all, n.GetState())
	}
	return all
}

// disk finds a file of the deployed system on a node's disk.
func (s *site) disk(node, file string) string {
	GinkgoHelper()
	root := s.root(node)
	text, err := os.ReadFile(filepath.Join(root, file))
	Expect(err).NotTo(HaveOccurred())
	return string(text)
}

// root is where a node's disk holds the deployed system.
func (s *site) root(node string) string {
	GinkgoHelper()
	found := ""
	Expect(filepath.WalkDir(s.path("disks", node), func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Base(path) == "os-release" {
			found = filepath.Dir(filepath.Dir(path))
			return fs.SkipAll
		}
		return err
	})).To(Succeed())
	Expect(found).NotTo(BeEmpty(), "no system on the disk of "+node)
	return found
}

package actors

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/url"
	"path"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/phonehome"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// A deployed system may have to say itself which image it is. The agent lays a note into it; what comes up calls netboot's HTTP server, whose
// book tells the operation, which puts it down and tells the node.
type (
	// node -> netboot
	expectCall struct {
		node     *config.Node
		expected phonehome.Expected
		reply    chan<- callExpected // with room
	}
	callExpected struct {
		url string // where the system calls
		err error
	}

	// deployments -> netboot: nobody waits for calls of these nodes any more
	forgetCalls struct{ nodes []string }

	// node -> deployment: the system that is on its disk is to call with the token of this digest
	nodeCalls struct {
		incarnation
		token [32]byte
	}

	// a call -> deployment
	systemCalled struct {
		host, digest string
		kept         func() // what it said is written down
	}

	// deployment -> node
	systemSaid struct{ digest string }
)

// phonesHome says whether the system that is deployed on a node must say which image it is: the environment's word goes before the site's.
func (j *job) phonesHome(n *config.Node) bool {
	if j.env.PhoneHome != nil {
		return *j.env.PhoneHome
	}
	return n.PhoneHome
}

// checkCalls refuses a system that would have nobody to call.
func (j *job) checkCalls(g *config.Global) error {
	for _, host := range j.order {
		if h := j.nodes[host]; h.plan.Has(workflow.PhoneHome) && g.HTTPURL == "" {
			return fmt.Errorf("node %s: the environment is to call the HTTP server (phone_home), which is off: the site must set http_listen and http_url", host)
		}
	}
	return nil
}

// expectCall gives netboot a call to wait for.
func (n *netboot) expectCall(m expectCall) {
	if n.global.HTTPURL == "" {
		m.reply <- callExpected{err: &fatalError{fmt.Errorf("nobody hears calls of deployed systems: restart kadeploy-server, which was started without http_listen and http_url")}}
		return
	}
	n.calls.Expect(m.node.Name, m.expected)
	m.reply <- callExpected{url: n.global.HTTPURL + path.Join(phonehome.Path, url.PathEscape(m.node.Name))}
}

// hears makes what a deployed system says a message to its operation.
func hears(system *actor.ActorSystem, deploy *actor.PID, n *config.Node, token [32]byte) phonehome.Expected {
	return phonehome.Expected{Token: token, From: n.Addr, Said: func(digest string, kept func()) {
		system.Root.Send(deploy, systemCalled{n.Name, digest, kept})
	}}
}

// phoneHome has the agent lay a note into the system that it has just written. Whatever an earlier one was given is worth nothing any more.
func (w *walker) phoneHome(ctx context.Context) error {
	session, err := agentFor(ctx, w.system, w.host, present)
	if err != nil {
		return err
	}
	token := newToken()
	digest := phonehome.TokenDigest(token)
	w.tell(nodeCalls{w.incarnation, digest})
	url, err := w.announce(ctx, digest)
	if err != nil {
		return err
	}
	_, err = give(ctx, session, &agentpb.Order{Step: string(workflow.PhoneHome), Kind: &agentpb.Order_PhoneHome{PhoneHome: &agentpb.PhoneHome{
		Root: w.target.node.ExtractionDir, Url: url, Token: token, Digest: w.job.image.SHA256}}})
	return err
}

// announce has the call that is made with a token expected, and returns where it goes.
func (w *walker) announce(ctx context.Context, token [32]byte) (string, error) {
	expected, err := ask(ctx, w.system, netbootName, func(reply chan<- callExpected) any {
		return expectCall{w.target.node, hears(w.system, w.deploy, w.target.node, token), reply}
	})
	if err != nil {
		return "", err
	}
	return expected.url, expected.err
}

// expectCall has the call expected that a system is to make which an attempt before this one has written: perhaps under a server that was
// stopped since.
func (w *walker) expectCall(ctx context.Context) error {
	if !w.calls() || w.said != "" {
		return nil
	}
	_, err := w.announce(ctx, [32]byte(w.call))
	return err
}

// listen takes what the deployed system has said up to now. It is an error for good that another system runs than was deployed.
func (w *walker) listen() error {
	select {
	case w.said = <-w.heard:
	default:
	}
	if w.calls() && w.said != "" && w.said != w.job.image.SHA256 {
		return &fatalError{fmt.Errorf("another system runs than was deployed: it says that its image is sha256 %s, and that is %s", w.said, w.job.image.SHA256)}
	}
	return nil
}

// calls says whether the node is to be confirmed by the system that it boots: whether that was given a note.
func (w *walker) calls() bool { return len(w.call) == sha256.Size }

// unconfirmed is why a system whose ports are as they should be is not taken for the new one yet; "": it is.
func (w *walker) unconfirmed() string {
	if w.calls() && w.said == "" {
		return "the new system answers on ssh, but has not called with its image's digest"
	}
	return ""
}

// calls keeps which call is expected, also for a server that comes after this one.
func (d *deploy) calls(m nodeCalls) {
	v := d.views[m.host]
	v.call, v.said = m.token[:], ""
	n := v.changed(m.host, message.NodePhase_RUNNING)
	n.Call = v.call
	d.record(nodeEvent(n))
}

// called puts down what a deployed system has said, and tells its node, in whichever incarnation.
func (d *deploy) called(ctx actor.Context, m systemCalled) {
	if d.end != nil || d.core == nil || d.core.Phase(m.host).Settled() {
		return
	}
	v := d.views[m.host]
	v.said = m.digest
	n := v.changed(m.host, message.NodePhase_RUNNING) // of a node that waits for its next try, too: of that, past.moved keeps what it was
	n.Said = m.digest
	d.system.Root.Send(local(d.system, journalName), appendFact{id: d.job.id, fact: nodeEvent(n), written: m.kept})
	if pid := d.PID(m.host); pid != nil {
		ctx.Send(pid, systemSaid{m.digest})
	}
}

// confirmed says whether the system on a node has said that it is the image that was deployed.
func (d *deploy) confirmed(host string) bool {
	_, image := d.job.deployed()
	return image != "" && d.views[host].said == image
}

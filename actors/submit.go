package actors

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/google/uuid"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/catalogue"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// Bounds of a request.
const (
	maxNodes       = 20_000
	maxDescription = 256 << 10
	maxKeys        = 64 << 10
)

// plan turns a request into a job under a configuration, or says in one line what is wrong with it. It reads the
// description, or the one of an environment of the catalogue, and looks at the image's file; it changes nothing, but holds the
// uploads of the job that it returns. id is that of an operation that is resumed; "": it gets one.
func plan(s *config.Snapshot, r *message.Submit, entry *catalogue.Environment, a fileAccess, id string) (*job, error) {
	j := &job{
		id: id, request: r, entry: entry, nodes: make(map[string]*hostJob), images: s.Global.ImagesPath,
		imagesTFTP: s.Global.TFTPName(s.Global.ImagesPath), interval: s.Global.ProbeInterval,
		rate: s.Global.ChainRate, stall: s.Global.ChainStall, reconnect: s.Global.AgentReconnect,
		grace: s.Global.Grace, key: r.GetKey(), tmpFS: r.GetTmpFilesystem(),
		maxPre: s.Global.MaxPreinstall, maxPost: s.Global.MaxPostinstall,
	}
	nodes, err := targets(s, r)
	if err != nil {
		return nil, err
	}
	if r.GetOperation() != message.Operation_DEPLOY && (r.GetBreakpoint() != "" || len(r.GetCustomOperations()) > 0) {
		return nil, errors.New("breakpoints and custom operations are for deployments")
	}
	if j.minNodes, err = minNodes(s, r, len(nodes)); err != nil {
		return nil, err
	}
	j.head = headAddress(s.Global.AgentsListen, nodes[0].Addr)
	switch r.GetOperation() {
	case message.Operation_DEPLOY:
		err = j.planDeploy(s, nodes, a)
	case message.Operation_REBOOT:
		err = j.planReboot(s, nodes, a)
	case message.Operation_POWER_ON:
		err = j.planPower(nodes, workflow.PowerOn)
	case message.Operation_POWER_OFF:
		err = j.planPower(nodes, workflow.PowerOff)
	case message.Operation_POWER_CYCLE:
		err = j.planPower(nodes, workflow.PowerCycle)
	default:
		err = fmt.Errorf("unknown operation %d", r.GetOperation())
	}
	if err != nil && j.id != "" {
		a.holds.drop(j.id)
	}
	return j, err
}

// headAddress is where the head of a chain listens: any port of the address that agents reach the server at. When that is every address
// of the machine, it is the one that a node sees.
func headAddress(agents string, node netip.Addr) string {
	host, _, err := net.SplitHostPort(agents)
	if err != nil {
		return ""
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		own, err := agentlink.Outward(node)
		if err != nil {
			return ""
		}
		host = own.String()
	}
	return net.JoinHostPort(host, "0")
}

func nodesOf(s *config.Snapshot, names []string) ([]*config.Node, error) {
	switch {
	case len(names) == 0:
		return nil, errors.New("no nodes: name some with -m or -f")
	case len(names) > maxNodes:
		return nil, fmt.Errorf("%d nodes in one request; at most %d are taken", len(names), maxNodes)
	}
	seen := make(map[string]bool, len(names))
	nodes := make([]*config.Node, 0, len(names))
	for _, name := range names {
		n, ok := s.Node(name)
		switch {
		case !ok:
			return nil, fmt.Errorf("unknown node %q: it is not in the server's nodes.conf (see kadeploy nodes)", name)
		case seen[name]:
			return nil, fmt.Errorf("node %s is named twice", name)
		}
		seen[name] = true
		nodes = append(nodes, n)
	}
	return nodes, nil
}

func minNodes(s *config.Snapshot, r *message.Submit, total int) (int, error) {
	text := r.GetMinNodes()
	if text == "" && r.GetOperation() == message.Operation_DEPLOY {
		text = s.Global.MinNodes
	}
	return config.ParseMinNodes(text, total)
}

// name gives a new operation its id.
func (j *job) name(prefix string) {
	if j.id == "" {
		j.id = prefix + uuid.NewString()[:8]
	}
}

func (j *job) planReboot(s *config.Snapshot, nodes []*config.Node, a fileAccess) error {
	j.name("R-")
	if j.rebootKind() == recordedEnv {
		if err := j.readEnvironment(s, a); err != nil {
			return err
		}
	}
	p, err := workflow.NewRebootPlan(workflow.Level(j.request.GetRebootLevel()), j.rebootKind(), len(j.key) > 0)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		j.add(n, p)
	}
	if err := j.checkBootSectors(s.Global.HTTPURL); err != nil {
		return err
	}
	return j.checkRoots()
}

func (j *job) planPower(nodes []*config.Node, what workflow.Micro) error {
	j.name("P-")
	p, err := workflow.NewPowerPlan(what, workflow.Level(j.request.GetRebootLevel()))
	if err != nil {
		return err
	}
	for _, n := range nodes {
		j.add(n, p)
	}
	return nil
}

func (j *job) planDeploy(s *config.Snapshot, nodes []*config.Node, a fileAccess) (err error) {
	j.name("D-")
	if err := j.readEnvironment(s, a); err != nil {
		return err
	}
	for _, n := range nodes {
		p, err := workflow.NewPlan(n.Macrosteps, j.facts(n))
		if err != nil {
			return fmt.Errorf("node %s: %w", n.Name, err)
		}
		j.add(n, p)
	}
	if err := j.checkCalls(&s.Global); err != nil {
		return err
	}
	if err := j.checkVolumes(); err != nil {
		return err
	}
	if err := j.checkBootSectors(s.Global.HTTPURL); err != nil {
		return err
	}
	return j.checkRoots()
}

func (j *job) add(n *config.Node, p workflow.Plan) {
	j.nodes[n.Name] = &hostJob{node: n, plan: p}
	j.order = append(j.order, n.Name)
}

// facts are what the bypass rules look at for one node.
func (j *job) facts(n *config.Node) workflow.Facts {
	r, env := j.request, j.env
	return workflow.Facts{
		ImageKind: env.Image.Kind, OS: env.OS, Filesystem: env.Filesystem,
		UserPreInstall: env.PreInstall != nil, UserPostInstall: len(env.PostInstall) > 0,
		DeployPart: n.DeployPart, TmpPart: n.TmpPart, SwapPart: n.SwapPart, SupportedFS: n.SupportedFS,
		AdminPreInstall: len(n.PreInstall) > 0, AdminPostInstall: len(n.PostInstall) > 0,
		Bootloader: n.Bootloader, BootloaderScript: n.BootloaderScript != "", RebootTimeout: n.TimeoutReboot,
		WholeDevice: j.wholeDevice(), NoEntry: n.Control.NoLogin(), DeployInitrds: len(n.DeployInitrd), NFSRoot: n.NFSRootKernel != "",
		PhoneHome: j.phonesHome(n), Key: len(j.key) > 0, FormatTmp: r.GetFormatTmp(), NoPartitioning: r.GetNoPartitioning(), NoKexec: r.GetNoKexec(),
		PauseAfter: j.pauses(n), Breakpoint: j.breakpoint, Custom: j.customs,
	}
}

package command

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/nodeset"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// account is the JSON of kadeploy show: what was asked for, and what happened.
type account struct {
	pastOperation
	Asked           string       `json:"asked"`            // the nodes of the request, a set
	EnvironmentPath string       `json:"environment_path"` // of the description
	Image           string       `json:"image"`            // its sha256; "" when it was not known to be good
	RebootLevel     string       `json:"reboot_level"`
	NoPartitioning  bool         `json:"no_partitioning"`
	TmpFilesystem   string       `json:"tmp_filesystem"`
	Nodes           []nodeReport `json:"nodes"`
	Tries           []tried      `json:"tries"`
}

// tried is one try of an instance of a macro-step on one node.
type tried struct {
	Node     string  `json:"node"`
	Macro    string  `json:"macro"`
	Instance string  `json:"instance"`
	Micro    string  `json:"micro"` // where it stopped; "" when it did not
	Try      uint32  `json:"try"`
	At       string  `json:"at"` // RFC 3339
	Seconds  float64 `json:"seconds"`
	Outcome  string  `json:"outcome"` // ok, failed, cut
	Cause    string  `json:"cause"`
}

var tryOutcomes = map[message.TryOutcome]string{
	message.TryOutcome_TRY_OK: "ok", message.TryOutcome_TRY_FAILED: "failed", message.TryOutcome_TRY_CUT: "cut",
}

func (r *runner) showCommand() *cli.Command {
	return &cli.Command{
		Name: "show", Usage: "show what happened in an operation", ArgsUsage: "ID", Description: showHelp,
		Flags: join([]cli.Flag{outputFlag()}, serverFlags()),
		Action: func(c *cli.Context) error {
			asJSON, err := wantsJSON(c)
			if err != nil {
				return err
			}
			id, err := oneID(c)
			if err != nil {
				return err
			}
			return r.withServer(c, func(svc Service) error { return r.show(c.Context, svc, id, asJSON) })
		},
	}
}

func (r *runner) show(ctx context.Context, svc Service, id string, asJSON bool) error {
	answer, err := await(ctx, r, 0, func(ctx context.Context) (*message.Shown, error) { return svc.Show(ctx, id) })
	if err != nil {
		return err
	}
	a := newAccount(answer)
	if asJSON {
		return r.writeJSON(a)
	}
	return r.writeAccount(a)
}

// newAccount joins what is known of each node.
func newAccount(m *message.Shown) *account {
	clean := wording.Clean
	a := &account{
		pastOperation: newPastOperation(m.GetOperation()), Asked: printable(m.GetNodes()), EnvironmentPath: clean(m.GetEnvironmentPath()),
		Image: clean(m.GetImageDigest()), RebootLevel: clean(m.GetRebootLevel()), NoPartitioning: m.GetNoPartitioning(),
		TmpFilesystem: clean(m.GetTmpFilesystem()), Nodes: []nodeReport{}, Tries: []tried{},
	}
	at := make(map[string]int)
	node := func(name string) *nodeReport {
		name = clean(name)
		i, known := at[name]
		if !known {
			i = len(a.Nodes)
			at[name] = i
			a.Nodes = append(a.Nodes, nodeReport{Name: name, Phase: outcomeUnknown, Tries: 1, Seconds: map[string]float64{}})
		}
		return &a.Nodes[i]
	}
	names, _ := nodeset.Expand(m.GetNodes()) // what is no set has been said by the rows below
	for _, name := range names {
		node(name)
	}
	for _, t := range m.GetTries() {
		n, row := node(t.GetNode()), newTried(t)
		a.Tries = append(a.Tries, row)
		if _, again := n.Seconds[row.Macro]; !again {
			n.macros = append(n.macros, row.Macro)
		}
		n.Seconds[row.Macro] += row.Seconds
		if row.Outcome == "failed" {
			n.Tries++
		}
	}
	for _, s := range m.GetStanding() {
		names, _ := nodeset.Expand(s.GetNodes())
		for _, name := range names {
			n := node(name)
			n.Phase, n.State = phase(s.GetPhase()), clean(s.GetState())
		}
	}
	for _, t := range m.GetResults() {
		n := node(t.GetNode())
		n.Cluster, n.Phase, n.Tries = clean(t.GetCluster()), phase(t.GetPhase()), t.GetTries()
		n.State, n.Cause = clean(t.GetState()), clean(t.GetCause())
	}
	return a
}

func newTried(t *message.PastTry) tried {
	clean := wording.Clean
	return tried{clean(t.GetNode()), clean(t.GetMacro()), clean(t.GetInstance()), clean(t.GetMicro()), t.GetTry(), rfc3339(t.GetAt()),
		t.GetTook().AsDuration().Round(time.Millisecond).Seconds(), tryOutcomes[t.GetOutcome()], clean(t.GetCause())}
}

package command

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/wording"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// nodeRates are the nodes, those that fail most first.
func nodeRates(all []*message.NodeStats) []nodeRate {
	rows := []nodeRate{}
	for _, n := range all {
		row := nodeRate{Node: wording.Clean(n.GetNode()), Cluster: wording.Clean(n.GetCluster()), OK: n.GetOk(), KO: n.GetKo(), Retries: n.GetRetries()}
		if ended := row.OK + row.KO; ended > 0 {
			row.FailureRate = math.Round(1e4*float64(row.KO)/float64(ended)) / 1e4
		}
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b nodeRate) int {
		return cmp.Or(cmp.Compare(b.FailureRate, a.FailureRate), cmp.Compare(b.Retries, a.Retries))
	})
	return rows
}

func causes(all []*message.CauseStats) []cause {
	rows := []cause{}
	for _, c := range all {
		rows = append(rows, cause{c.GetCount(), wording.Clean(c.GetMacro()), wording.Clean(c.GetMicro()), wording.Clean(c.GetCause()), wording.Clean(c.GetExample())})
	}
	return rows
}

// A timeout is suggested of at least so many tries: half as long again as 99 of 100 of them took.
const (
	enoughTries = 20
	spare       = 1.5
)

// suggestion is a timeout that the times of an instance suggest.
type suggestion struct {
	Cluster  string  `json:"cluster"`
	Macro    string  `json:"macro"`
	Instance string  `json:"instance"`
	Tries    uint64  `json:"tries"` // that were OK, and that no restart of the server interrupted
	P99      float64 `json:"p99"`   // seconds
	Max      float64 `json:"max"`
	Timeout  int     `json:"timeout"` // seconds; 0: too few tries to say
}

func suggestions(all []stepTime) []suggestion {
	rows := []suggestion{}
	for _, t := range all {
		if t.Macro == string(workflow.Reboot) || t.Macro == string(workflow.Power) || strings.HasSuffix(t.Instance, workflow.OfKadeploy3) { // have no macrostep; were measured elsewhere
			continue
		}
		s := suggestion{Cluster: t.Cluster, Macro: t.Macro, Instance: t.Instance, Tries: t.timed, P99: t.P99, Max: t.Max}
		if t.timed >= enoughTries {
			s.Timeout = int(math.Ceil(t.P99 * spare))
		}
		rows = append(rows, s)
	}
	return rows
}

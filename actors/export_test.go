package actors

import (
	"log/slog"
	"testing"

	"github.com/kadeploy/kadeploy/config"
)

// SuiteT is the test that the specs run in, for those in fake time.
var SuiteT *testing.T

// IdentityHeader is the header by which the link tells who sent a message.
const IdentityHeader = identityHeader

var discard = slog.New(slog.DiscardHandler)

// Poison is a message that the permanent actor of that name fails of: no actor of the tree ever sends one.
func Poison(actor string) any {
	return map[string]any{
		"journal": appendFact{id: "poison"},
		"config":  reloadConfig{reply: closed()},
		"netboot": setProfile{},
		"reboot":  powerRequest{node: &config.Node{}},
		"agents":  agentLeft{},
		"access":  checkRights{reply: closed()},
	}[actor]
}

// PoisonDeployment is a message that the actor of a request fails of.
func PoisonDeployment() any { return nodeEntered{incarnation: incarnation{host: "nobody"}} }

// closed is a channel that nobody can answer on.
func closed() chan<- error {
	c := make(chan error)
	close(c)
	return c
}

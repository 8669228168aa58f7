package actors

import (
	"log/slog"
	"testing"

	"github.com/kadeploy/kadeploy/config"
)

// SuiteT is the test that the specs run in, for those in fake time.
var SuiteT *testing.T

var discard = slog.New(slog.DiscardHandler)

// Poison is a message that the permanent actor of that name fails of: no actor of the tree ever sends one.
func Poison(actor string) any {
	return map[string]any{
		"journal":   readEvents{id: "poison"}, // without a reader
		"config":    reloadConfig{reply: closed()},
		"netboot":   setProfile{},
		"reboot":    powerRequest{node: &config.Node{}},
		"agents":    agentLeft{},
		"catalogue": asked{},
		"consoles":  openConsole{reply: closedOf[consoleOpened]()},
		"access":    isUser{reply: closedOf[bool]()},
		"history":   asked{},
	}[actor]
}

// PoisonDeployment is a message that the actor of a request fails of.
func PoisonDeployment() any { return nodeEntered{incarnation: incarnation{host: "nobody"}} }

// closed is a channel that nobody can answer on.
func closed() chan<- error { return closedOf[error]() }

func closedOf[T any]() chan<- T {
	c := make(chan T)
	close(c)
	return c
}

// Told are those of the reports of a node's bytes that become events.
func Told(size int64, reports ...int64) (told []int64) {
	last := int64(0)
	for _, now := range reports {
		if grown(last, now, size) {
			last = now
			told = append(told, now)
		}
	}
	return told
}

// KernelsName says whether an agent may name the deployed partition so.
func KernelsName(root string) bool { return kernelsName.MatchString(root) }

package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/actors/message"
)

// Deploy an image on two nodes, show what happens, and give up when a node fails. It needs a server on this machine, so that it is
// compiled with the tests and not run by them; the specs of this package do the same against a server of their own.
func Example() {
	ctx := context.Background()
	c, err := client.Dial(ctx, client.Config{Server: "127.0.0.1:25300", Identity: client.Local("/var/lib/kadeploy/kadeploy.sock")})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	description, err := os.ReadFile("/srv/images/debian.env")
	if err != nil {
		log.Fatal(err)
	}
	id, err := c.Submit(ctx, &message.Submit{Nodes: []string{"node-1", "node-2"}, Environment: description, EnvironmentPath: "/srv/images/debian.env"})
	var refused *client.RefusedError
	if errors.As(err, &refused) && refused.Refused.GetCode() == message.Refusal_BUSY {
		log.Fatalf("%s holds a node", refused.Refused.GetBusy()[0].GetUser())
	} else if err != nil {
		log.Fatal(err)
	}
	ended, err := c.Watch(ctx, id, 0, func(e *message.Event) error {
		fmt.Println(e.GetSeq(), e.GetNode().GetNode(), e.GetNode().GetMicro())
		if e.GetNode().GetPhase() == message.NodePhase_KO {
			return c.Cancel(ctx, id) // the end comes as an event, too
		}
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ended.GetOutcome(), ended.GetText())
}

package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/argv"
	"github.com/kadeploy/kadeploy/internal/nodeset"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// nodeStatus is one of the "nodes" in the JSON of kadeploy nodes.
type nodeStatus struct {
	Name        string `json:"name"`
	Cluster     string `json:"cluster"`
	Address     string `json:"address"`
	State       string `json:"state"`
	Operation   string `json:"operation"` // last or current
	User        string `json:"user"`
	Environment string `json:"environment"` // deployed
	Image       string `json:"image"`       // its sha256; "" when unknown
	Confirmed   bool   `json:"confirmed"`   // the system itself has said that it is that image
	Since       string `json:"since"`       // RFC 3339
	Held        bool   `json:"held"`        // by the operation, which is under way
	Until       string `json:"until"`       // RFC 3339: held for so long at the latest; "": no limit, or not held
}

func (r *runner) nodesCommand() *cli.Command {
	return &cli.Command{
		Name: "nodes", Usage: "show nodes and their states", Description: nodesHelp,
		Flags: join(nodeFlags(), []cli.Flag{toggle("show the nodes' disks, as their deployment systems found them last", "disks"), tableFlag()}, serverFlags()),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			format, err := formatOf(c, tableFormats...)
			if err != nil {
				return err
			}
			var only []string
			if sets, files := c.StringSlice("machine"), c.StringSlice("file"); len(sets)+len(files) > 0 {
				if only, err = readNodes("nodes", sets, files, r.Stdin); err != nil {
					return err
				}
			}
			if !c.Bool("disks") {
				return r.withServer(c, func(svc Service) error { return r.nodes(c.Context, svc, only, format) })
			}
			if format == "csv" {
				return usage("nodes", "--disks --output csv: disks have parts, which is no table; text or json")
			}
			return r.withServer(c, func(svc Service) error { return r.disks(c.Context, svc, only, format == "json") })
		},
	}
}

func (r *runner) nodes(ctx context.Context, svc Service, only []string, format string) error {
	answer, err := await(ctx, r, 0, svc.Nodes)
	if err != nil {
		return err
	}
	nodes, err := choose(answer.GetNodes(), only)
	if err != nil {
		return err
	}
	if format == "json" {
		return r.writeJSON(map[string]any{"nodes": nodes})
	}
	l := &listing{shown: []string{"NODE", "CLUSTER", "ADDRESS", "STATE", "SINCE", "UNTIL", "OPERATION", "USER", "ENVIRONMENT", "IMAGE"},
		names: []string{"name", "cluster", "address", "state", "operation", "user", "environment", "image", "confirmed", "since", "held", "until"}}
	for _, n := range nodes {
		image := dash(short(n.Image))
		if n.Confirmed {
			image += " confirmed"
		}
		l.add([]string{n.Name, n.Cluster, n.Address, n.State, local(n.Since), n.heldUntil(), dash(n.Operation), dash(n.User), dash(n.Environment), image},
			[]string{n.Name, n.Cluster, n.Address, n.State, n.Operation, n.User, n.Environment, n.Image, fmt.Sprint(n.Confirmed), n.Since, fmt.Sprint(n.Held), n.Until})
	}
	if format == "csv" {
		return r.writeCSV(l)
	}
	wording.Table(r.Stdout, append([][]string{l.shown}, l.text...))
	return nil
}

// noLimit is said of a hold whose end nobody can tell.
const noLimit = "no limit"

func (n *nodeStatus) heldUntil() string {
	if n.Held && n.Until == "" {
		return noLimit
	}
	return local(n.Until)
}

// choose picks the nodes asked for, in the order asked; nil is all of them, in the server's order.
func choose(all []*message.NodeStatus, only []string) ([]nodeStatus, error) {
	nodes := []nodeStatus{}
	if only == nil {
		for _, n := range all {
			nodes = append(nodes, newNodeStatus(n))
		}
		return nodes, nil
	}
	byName := make(map[string]*message.NodeStatus, len(all))
	for _, n := range all {
		byName[n.GetName()] = n
	}
	var unknown []string
	for _, name := range only {
		if n := byName[name]; n != nil {
			nodes = append(nodes, newNodeStatus(n))
		} else {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return nil, &argv.Failure{Code: exitUsage, Err: fmt.Errorf("the server has no %s", nodeset.Fold(unknown)), Hint: "kadeploy nodes shows those it has"}
	}
	return nodes, nil
}

func newNodeStatus(n *message.NodeStatus) nodeStatus {
	clean := wording.Clean
	return nodeStatus{Name: clean(n.GetName()), Cluster: clean(n.GetCluster()), Address: clean(n.GetAddress()), State: clean(n.GetState()),
		Operation: clean(n.GetOperation()), User: clean(n.GetUser()), Environment: clean(n.GetEnvironment()),
		Image: clean(n.GetImage()), Confirmed: n.GetConfirmed(), Since: rfc3339(n.GetSince()), Held: n.GetHeld(), Until: rfc3339(n.GetUntil())}
}

// lower is the name of a value of the protocol as JSON has it.
func lower(v fmt.Stringer) string { return strings.ToLower(v.String()) }

package command

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// serverStatus is the JSON of kadeploy status.
type serverStatus struct {
	Version    string            `json:"version"`
	Started    string            `json:"started"` // RFC 3339
	ConfigDir  string            `json:"config_dir"`
	Operations []operationStatus `json:"operations"`
}

type operationStatus struct {
	ID          string `json:"id"`
	Operation   string `json:"operation"` // deploy, reboot
	User        string `json:"user"`
	Since       string `json:"since"` // RFC 3339
	Running     bool   `json:"running"`
	Outcome     string `json:"outcome"` // as in the report; "" while running
	Total       uint32 `json:"total"`
	OK          uint32 `json:"ok"`
	KO          uint32 `json:"ko"`
	MinNodes    uint32 `json:"min_nodes"`
	Environment string `json:"environment"`
	Text        string `json:"text"`
}

func (r *runner) statusCommand() *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "show operations", ArgsUsage: "[ID]", Description: statusHelp,
		Flags: join([]cli.Flag{outputFlag()}, serverFlags()),
		Action: func(c *cli.Context) error {
			asJSON, err := wantsJSON(c)
			if err != nil {
				return err
			}
			id := ""
			if c.NArg() > 0 {
				if id, err = oneID(c); err != nil {
					return err
				}
			}
			return r.withServer(c, func(svc Service) error { return r.status(c.Context, svc, id, asJSON) })
		},
	}
}

func (r *runner) status(ctx context.Context, svc Service, id string, asJSON bool) error {
	s, err := await(ctx, r, 0, func(ctx context.Context) (*message.Status, error) { return svc.Status(ctx, id) })
	if err != nil {
		return err
	}
	out := serverStatus{Version: wording.Clean(s.GetVersion()), Started: rfc3339(s.GetStarted()), ConfigDir: wording.Clean(s.GetConfigDir()),
		Operations: []operationStatus{}}
	for _, o := range s.GetOperations() {
		out.Operations = append(out.Operations, newOperationStatus(o))
	}
	if asJSON {
		return r.writeJSON(out)
	}
	r.showStatus(out, id)
	return nil
}

func newOperationStatus(o *message.OperationStatus) operationStatus {
	s := operationStatus{
		ID: wording.Clean(o.GetId()), Operation: lower(o.GetOperation()), User: wording.Clean(o.GetUser()), Since: rfc3339(o.GetSince()),
		Running: o.GetRunning(), Total: o.GetTotal(), OK: o.GetOk(), KO: o.GetKo(), MinNodes: o.GetMinNodes(),
		Environment: wording.Clean(o.GetEnvironment()), Text: wording.Clean(o.GetText()),
	}
	if !s.Running {
		s.Outcome = lower(o.GetOutcome())
	}
	return s
}

func (r *runner) showStatus(s serverStatus, id string) {
	if id == "" {
		fmt.Fprintf(r.Stdout, "server %s, configuration %s, up since %s\n", s.Version, s.ConfigDir, local(s.Started))
	}
	if len(s.Operations) == 0 {
		fmt.Fprintln(r.Stdout, "no operations")
		return
	}
	rows := [][]string{{"ID", "OPERATION", "USER", "SINCE", "STATE", "NODES", "OK", "KO", "MINNODES", "ENVIRONMENT", "TEXT"}}
	for _, o := range s.Operations {
		state, minNodes := "running", "all"
		if !o.Running {
			state = o.Outcome
		}
		if o.MinNodes > 0 {
			minNodes = fmt.Sprint(o.MinNodes)
		}
		rows = append(rows, []string{o.ID, o.Operation, o.User, local(o.Since), state, fmt.Sprint(o.Total), fmt.Sprint(o.OK), fmt.Sprint(o.KO),
			minNodes, dash(o.Environment), o.Text})
	}
	wording.Table(r.Stdout, rows)
}

// rfc3339 writes a time for programs, "" for none.
func rfc3339(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().UTC().Format(time.RFC3339)
}

// local writes a time of rfc3339 for people.
func local(text string) string {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

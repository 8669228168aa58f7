package sandbox

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/kadeploy/kadeploy/internal/agent"
)

// agentInside runs the agent in this program, for machines by the thousand. The context is its power: it returns soon
// after the end of it, with all it had under way.
func (m *machine) agentInside(ctx context.Context, cmdline string) error {
	boot, err := agent.ParseCmdline(cmdline)
	if err != nil {
		return err
	}
	disk, err := m.openDisk()
	if err != nil {
		return err
	}
	c := agent.Config{
		Server: boot.Server, Node: boot.Node, Token: boot.Token, Pin: boot.Pin,
		Machine: disk, Address: m.node.Addr, MarkerPort: boot.Marker, Version: "sandbox",
		Faults: m.agentFaults(),
		Log:    slog.New(slog.NewTextHandler(m.console, nil)),
	}
	if change := m.rack.cfg.Agent; change != nil {
		change(&c)
	}
	end, err := agent.Run(ctx, c)
	if err == nil && end != agent.EndReboot {
		err = errors.New("neither rebooted nor failed")
	}
	return err
}

func (m *machine) agentFaults() []agent.Fault {
	var faults []agent.Fault
	for _, fault := range m.faults.pending() {
		kind, step, _ := strings.Cut(fault, ":")
		faults = append(faults, agent.Fault{Kind: kind, Step: step})
	}
	return faults
}

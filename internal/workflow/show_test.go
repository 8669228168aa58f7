package workflow_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/workflow"
)

// show writes a plan, one instance a line.
func show(plan workflow.Plan, err error) []string {
	if err != nil {
		return []string{"error: " + err.Error()}
	}
	var lines []string
	for _, m := range plan.Macros {
		for _, i := range m.Instances {
			lines = append(lines, fmt.Sprintf("%s/%s %d x %v: %s", m.Macro, i.Name, i.Tries, seconds(i.Timeout), join(i.Steps)+stop(i)))
		}
	}
	for _, s := range plan.Skipped {
		lines = append(lines, fmt.Sprintf("skipped %s/%s: %s", s.Macro, s.Name, s.Reason))
	}
	return lines
}

func stop(i workflow.InstancePlan) string {
	if i.Break == "" {
		return ""
	}
	return " STOP before " + string(i.Break)
}

func join(steps []workflow.Step) string {
	words := make([]string, len(steps))
	for i, s := range steps {
		words[i] = s.String()
	}
	return strings.Join(words, " ")
}

// seconds shows a limit; none is "no limit".
func seconds(d time.Duration) string {
	if d == 0 {
		return "no limit"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s"
}

// describe writes an action without its node, and the node, "" when it has none.
func describe(a workflow.Action) (host, text string) {
	switch a := a.(type) {
	case workflow.Run:
		dots := ""
		if a.From > 0 {
			dots = "... "
		}
		return a.Host, fmt.Sprintf("run %s/%s try %d, %s: %s%s", a.Macro, a.Instance, a.Try, seconds(a.Timeout), dots, join(a.Steps[a.From:]))
	case workflow.Retry:
		return a.Host, fmt.Sprintf("retry after %v", a.Delay)
	case workflow.Settled:
		if a.Phase == workflow.PhaseOK && a.Stopped {
			return a.Host, fmt.Sprintf("is OK, stopped before %s/%s/%s", a.Macro, a.Instance, a.Micro)
		}
		if a.Phase == workflow.PhaseOK {
			return a.Host, "is OK"
		}
		return a.Host, fmt.Sprintf("is %s at %s/%s/%s: %s", a.Phase, a.Macro, a.Instance, a.Micro, a.Cause)
	case workflow.Broadcast:
		return "", "broadcast to " + foldHosts(a.Hosts)
	case workflow.WakeAt:
		return "", fmt.Sprintf("wake at %v", a.At.Sub(time.Unix(0, 0)))
	case workflow.End:
		return "", fmt.Sprintf("end, %s: %s", a.Outcome, a.Text)
	}
	return "", fmt.Sprintf("%T", a)
}

// fold writes actions, those that say the same of one node after the other in one line.
func fold(actions []workflow.Action) []string {
	var lines, hosts []string
	last := ""
	flush := func() {
		if len(hosts) > 0 {
			lines = append(lines, foldHosts(hosts)+" "+last)
		}
		hosts = nil
	}
	for _, a := range actions {
		host, text := describe(a)
		if host == "" || text != last {
			flush()
		}
		if host == "" {
			lines = append(lines, text)
			continue
		}
		hosts, last = append(hosts, host), text
	}
	flush()
	return lines
}

// count writes how many actions of each kind there are.
func count(actions []workflow.Action) []string {
	kinds := make(map[string]int)
	for _, a := range actions {
		host, text := describe(a)
		if host != "" {
			text, _, _ = strings.Cut(text, ", ")
		}
		kinds[text]++
	}
	var lines []string
	for text, n := range kinds {
		lines = append(lines, fmt.Sprintf("%d x %s", n, text))
	}
	slices.Sort(lines)
	return lines
}

// foldHosts writes n1 n2 n3 n7 as n1-n3,n7.
func foldHosts(hosts []string) string {
	var items []string
	for i := 0; i < len(hosts); {
		j := i
		for j+1 < len(hosts) && index(hosts[j+1]) == index(hosts[j])+1 {
			j++
		}
		item := hosts[i]
		if j > i {
			item += "-" + hosts[j]
		}
		items = append(items, item)
		i = j + 1
	}
	return strings.Join(items, ",")
}

func index(host string) int {
	n, _ := strconv.Atoi(host[1:])
	return n
}

func (p *player) report() []string {
	var lines []string
	for _, r := range p.d.Report(p.now) {
		line := fmt.Sprintf("%s %s", r.Host, r.Phase)
		if r.Phase != p.d.Phase(r.Host) {
			line += " (Phase differs)"
		}
		if r.Phase != workflow.PhaseOK {
			line += fmt.Sprintf(" at %s/%s/%s", r.Macro, r.Instance, r.Micro)
		}
		for _, m := range r.Macros {
			line += fmt.Sprintf(" | %s/%s x%d %v", m.Macro, m.Instance, m.Tries, m.Took)
		}
		if r.Cause != "" {
			line += fmt.Sprintf(" | %s | %s", r.Cause, r.Evidence)
		}
		lines = append(lines, line)
	}
	return lines
}

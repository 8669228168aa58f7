package workflow_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kadeploy/kadeploy/internal/workflow"
)

// player carries out the commands of a transcript.
//
//	plan kind=dd fs=ntfs key boot=Kexec:1:150     the plan for these facts (see facts)
//	preparation set=Prod:1:400                    what that plan may do to the disk before the image is sent
//	reboot-plan hard Simple
//	deployment nodes=10 min=7 grace=30s           nodes n1 to n10 (see deploy)
//	at 90s                                        the clock, from the beginning
//	ready n1-n10,n12                              an event of each node in turn; all: every node
//	enter n1 format_deploy_part
//	arrive n1; pass n1; finish n1
//	arrive n1 T                                   with a part of the transfer T
//	fail n1 wait_reboot timeout it stays silent   node, step (- for none), kind, cause
//	chain-ended; wake; cancel by alice
//	times 3 fail n1 reboot retry again; ready n1  commands again and again
//	report; counts; left
type player struct {
	t     *testing.T
	now   time.Time
	d     *workflow.Deployment
	hosts []string
	watch *watch
	short bool // answers are only counted
}

func (p *player) play(line string) []string {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "plan":
		return p.plan(options(rest))
	case "preparation":
		return p.preparation(options(rest))
	case "reboot-plan":
		level, kind, _ := strings.Cut(rest, " ")
		return show(workflow.NewRebootPlan(workflow.Level(level), kind, true))
	case "deployment":
		return p.deploy(options(rest))
	case "at":
		p.now = time.Unix(0, 0).Add(p.duration(rest))
		return nil
	case "times":
		return p.times(rest)
	case "report":
		return p.report()
	case "left":
		left, limited := p.d.Left(p.now)
		if !limited {
			return []string{"no limit"}
		}
		return []string{left.String() + " left"}
	case "counts":
		ok, ko, alive := p.d.Counts()
		return []string{fmt.Sprintf("%d OK, %d KO, %d alive, ended %v", ok, ko, alive, p.watch.ended)}
	}
	return p.events(word, rest)
}

func (p *player) times(line string) []string {
	n, commands, _ := strings.Cut(line, " ")
	var answers []string
	for range p.number(n) {
		for command := range strings.SplitSeq(commands, "; ") {
			answers = append(answers, p.play(command)...)
		}
	}
	return answers
}

func (p *player) events(word, rest string) []string {
	var actions []workflow.Action
	hosts, args, _ := strings.Cut(rest, " ")
	switch word {
	case "chain-ended", "wake", "cancel":
		actions = p.handle(p.event(word, "", rest))
	default:
		for _, host := range p.expand(hosts) {
			actions = append(actions, p.handle(p.event(word, host, args))...)
		}
	}
	if p.short {
		return count(actions)
	}
	return fold(actions)
}

func (p *player) event(word, host, args string) workflow.Event {
	switch word {
	case "ready":
		return workflow.Ready{Host: host}
	case "enter":
		return workflow.Entered{Host: host, Micro: workflow.Micro(args)}
	case "arrive":
		return workflow.Arrived{Host: host, Transfer: args}
	case "pass":
		return workflow.Passed{Host: host}
	case "finish":
		return workflow.Finished{Host: host}
	case "fail":
		words := strings.SplitN(args, " ", 3)
		if len(words) != 3 {
			p.t.Fatalf("fail NODES MICRO KIND CAUSE, got %q", args)
		}
		micro := workflow.Micro(strings.Trim(words[0], "-"))
		return workflow.Failed{Host: host, Micro: micro, Kind: workflow.Kind(words[1]), Cause: words[2], Evidence: "log of " + host}
	case "chain-ended":
		return workflow.ChainEnded{}
	case "wake":
		return workflow.Wake{}
	case "cancel":
		return workflow.Cancel{Cause: args}
	}
	p.t.Fatalf("unknown command %q", word)
	return nil
}

func (p *player) handle(ev workflow.Event) []workflow.Action {
	actions := p.d.Handle(p.now, ev)
	if err := p.watch.see(ev, actions); err != nil {
		p.t.Fatalf("%#v: %v", ev, err)
	}
	return actions
}

package workflow_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kadeploy/kadeploy/internal/workflow"
)

func (p *player) plan(o map[string]string) []string {
	return show(workflow.NewPlan(macrosteps(p.t, o), p.facts(o)))
}

func (p *player) preparation(o map[string]string) []string {
	plan, err := workflow.NewPlan(macrosteps(p.t, o), p.facts(o))
	if err != nil {
		return show(plan, err)
	}
	return []string{join(plan.Preparation())}
}

// facts are those of a tar image for a linux node with every partition, changed by options.
func (p *player) facts(o map[string]string) workflow.Facts {
	text := func(key, standard string) string {
		if v, given := o[key]; given {
			return v
		}
		return standard
	}
	has := func(key string) bool { _, given := o[key]; return given }
	return workflow.Facts{
		ImageKind:        text("kind", "tar"),
		OS:               text("os", "linux"),
		Filesystem:       text("fs", "ext4"),
		Multipart:        has("multipart"),
		UserPreInstall:   has("user_pre"),
		UserPostInstall:  has("user_post"),
		DeployPart:       text("deploy", "3"),
		TmpPart:          text("tmp", "5"),
		SwapPart:         text("swap", "none"),
		SupportedFS:      []string{"ext2", "ext3", "ext4", "vfat"},
		AdminPreInstall:  has("admin_pre"),
		AdminPostInstall: has("admin_post"),
		Bootloader:       text("bootloader", "pure_pxe"),
		BootloaderScript: has("script"),
		LocalBoot:        has("local_boot"),
		RebootTimeout:    p.duration(text("timeout_reboot", "240s")),
		NoEntry:          noEntry(has("no_entry")),
		DeployInitrds:    p.number(text("initrds", "1")),
		NFSRoot:          !has("no_nfsroot"),
		WholeDevice:      has("whole_device"),
		Key:              has("send_key"),
		FormatTmp:        has("format_tmp"),
		PhoneHome:        has("phone_home"),
		NoPartitioning:   has("no_partitioning"),
		NoBootloader:     has("no_bootloader"),
		NoKexec:          has("no_kexec"),
		VLAN:             has("vlan"),
		Breakpoint:       p.breakpoint(o["break"]),
		Custom:           p.customs(o["custom"]),
		PauseAfter:       pauses(o["pause"]),
	}
}

func noEntry(none bool) string {
	if none {
		return "needs ssh_key and ssh_known_hosts"
	}
	return ""
}

func pauses(list string) (micros []workflow.Micro) {
	for micro := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' }) {
		micros = append(micros, workflow.Micro(micro))
	}
	return micros
}

func (p *player) breakpoint(text string) *workflow.Breakpoint {
	if text == "" {
		return nil
	}
	b, err := workflow.ParseBreakpoint(text)
	if err != nil {
		p.t.Fatal(err)
	}
	return &b
}

// customs reads MACRO[INSTANCE]/MICRO/(pre|post|sub)=NAME+NAME, several with commas.
func (p *player) customs(list string) (all []workflow.Customs) {
	for item := range strings.SplitSeq(list, ",") {
		if item == "" {
			continue
		}
		words := strings.Split(item, "/")
		place, err := workflow.ParseBreakpoint(words[0] + ":" + words[1])
		if err != nil {
			p.t.Fatal(err)
		}
		c := workflow.Customs{Macro: place.Macro, Instance: place.Instance, Micro: place.Micro}
		where, names, _ := strings.Cut(words[2], "=")
		var ops []workflow.Custom
		for name := range strings.SplitSeq(names, "+") {
			ops = append(ops, workflow.Custom{Name: name, Do: workflow.Exec, Command: "true"})
		}
		switch where {
		case "pre":
			c.Pre = ops
		case "post":
			c.Post = ops
		case "sub":
			c.Substitute = ops
		}
		all = append(all, c)
	}
	return all
}

// deploy starts a deployment: nodes=COUNT min=COUNT grace=TIME backoff=TIME (times the failures) retries=MICRO:TRIES,...
// past=NODE:PHASE[*][+BOOTING]:MACRO/INSTANCE/TRY/MICRO[/agent],... for a deployment that is resumed (in BootNewEnv BOOTING is how long a system that
// says who it is has been waited for), reconnect=TIME when agents call again, the options of plan for all nodes, dummy=NODES for those with a Dummy broadcast, reboot=LEVEL for a reboot, short.
func (p *player) deploy(o map[string]string) []string {
	p.now = time.Unix(0, 0)
	p.hosts = nil
	for i := range p.number(o["nodes"]) {
		p.hosts = append(p.hosts, "n"+strconv.Itoa(i+1))
	}
	_, p.short = o["short"]
	config := workflow.Config{MinNodes: p.number(o["min"]), Grace: p.duration(o["grace"])}
	if step := p.duration(o["backoff"]); step > 0 {
		config.Backoff = func(_ string, failures int) time.Duration { return time.Duration(failures) * step }
	}
	reconnect := p.duration(o["reconnect"])
	dummies := p.expand(o["dummy"])
	for _, host := range p.hosts {
		own := o
		if slices.Contains(dummies, host) {
			own = map[string]string{"set": o["set"], "broadcast": "Dummy:1:0", "boot": o["boot"]}
		}
		config.Hosts = append(config.Hosts, workflow.HostPlan{Host: host, Plan: p.hostPlan(own), StepRetries: p.retries(o["retries"]), Past: p.past(host, o["past"]), Reconnect: reconnect})
	}
	p.d, p.watch = workflow.New(config), newWatch(p.hosts)
	for _, host := range p.hosts {
		p.watch.settled[host] = p.d.Phase(host).Settled()
	}
	return nil
}

// past reads what one node had behind it: nil when it is not named.
func (p *player) past(host, all string) *workflow.Past {
	for one := range strings.SplitSeq(all, ",") {
		name, rest, _ := strings.Cut(one, ":")
		if name != host {
			continue
		}
		phase, place, _ := strings.Cut(rest, ":")
		phase, booting, _ := strings.Cut(phase, "+")
		phase, stopped := strings.CutSuffix(phase, "*")
		past := &workflow.Past{Phase: workflow.Phase(phase), Stopped: stopped, Booting: p.duration(booting)}
		if w := strings.Split(place, "/"); len(w) >= 4 {
			past.Macro, past.Instance, past.Micro = workflow.Macro(w[0]), w[1], workflow.Micro(w[3])
			if past.Macro == workflow.BootNewEnv {
				past.Leaving, past.Booting = past.Booting, 0
			}
			m := past.At(past.Macro)
			m.Instance, m.Try, m.Tries, m.Took = past.Instance, p.number(w[2]), p.number(w[2]), time.Minute
			if past.Agent = len(w) == 5; past.Agent && past.Macro != workflow.SetDeploymentEnv {
				m := past.At(workflow.SetDeploymentEnv)
				m.Instance, m.Tries, m.Took = "Untrusted", 1, time.Minute
			}
		}
		return past
	}
	return nil
}

func (p *player) hostPlan(o map[string]string) workflow.Plan {
	plan, err := workflow.NewPlan(macrosteps(p.t, o), p.facts(o))
	if level, given := o["reboot"]; given {
		plan, err = workflow.NewRebootPlan(workflow.Level(level), "Simple", false)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return plan
}

// macrosteps reads set=, broadcast= and boot=, each the instances of a macrostep line.
func macrosteps(t *testing.T, o map[string]string) map[workflow.Macro][]workflow.Spec {
	configured := make(map[workflow.Macro][]workflow.Spec)
	for _, m := range []struct{ key, macro, standard string }{
		{"set", "SetDeploymentEnv", "Untrusted:2:400"},
		{"broadcast", "BroadcastEnv", "Chain:2:500"},
		{"boot", "BootNewEnv", "Classical:1:150,HardReboot:1:350"},
	} {
		instances := o[m.key]
		if instances == "" {
			instances = m.standard
		}
		if instances == "none" {
			continue
		}
		macro, specs, err := workflow.ParseMacrostep(m.macro + "|" + instances)
		if err != nil {
			t.Fatal(err)
		}
		configured[macro] = specs
	}
	return configured
}

func (p *player) retries(list string) map[workflow.Micro]int {
	retries := make(map[workflow.Micro]int)
	for item := range strings.SplitSeq(list, ",") {
		if micro, n, found := strings.Cut(item, ":"); found {
			retries[workflow.Micro(micro)] = p.number(n)
		}
	}
	return retries
}

// expand reads n1-n3,n7 and all.
func (p *player) expand(list string) []string {
	if list == "all" {
		return p.hosts
	}
	var hosts []string
	for item := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(item, "-")
		if !isRange {
			hosts = append(hosts, item)
			continue
		}
		for i := p.number(first[1:]); i <= p.number(last[1:]); i++ {
			hosts = append(hosts, "n"+strconv.Itoa(i))
		}
	}
	return hosts
}

func (p *player) number(text string) int {
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

func (p *player) duration(text string) time.Duration {
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		p.t.Fatal(err)
	}
	return d
}

// options reads key=value and bare words.
func options(text string) map[string]string {
	o := make(map[string]string)
	for word := range strings.FieldsSeq(text) {
		key, value, _ := strings.Cut(word, "=")
		o[key] = value
	}
	return o
}

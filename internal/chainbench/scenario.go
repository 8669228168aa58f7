package main

import (
	"slices"
	"syscall"
	"time"
)

// scenario is one table: a place, what happens there, who takes part.
type scenario struct {
	id, title string
	columns   []column
	hosts     int
	size      int64 // of the image, bytes
	rate      int64 // of every link, bits per second of payload; 0: no limit
	loopback  bool  // no namespaces
	fault     fault
	against   string        // id of the scenario whose time the lost seconds are counted from
	memory    bool          // follow the hosts' memory
	limit     time.Duration // of one run
	who       func(chains) []contestant
}

const (
	mbit = 1_000_000
	mib  = 1 << 20
)

func scenarios() []scenario {
	limited := scenario{columns: limitedColumns, hosts: 8, size: 64 * mib, rate: 200 * mbit, limit: 60 * time.Second, who: everybody}
	unlimited := scenario{columns: speedColumns, hosts: 8, size: 256 * mib, limit: 120 * time.Second}

	eight := limited.named("limit/8", "8 hosts, links of 200 Mbit/s, 64 MiB")
	many := limited.named("limit/24", "24 hosts, links of 200 Mbit/s, 64 MiB")
	many.hosts, many.limit = 24, 120*time.Second

	undisturbed := limited.named("faults/none", "8 hosts, links of 200 Mbit/s, 64 MiB, undisturbed")
	undisturbed.who = broadcasters
	hit := func(id, title string, f fault) scenario {
		s := undisturbed.named("faults/"+id, title)
		s.columns, s.fault, s.against = faultColumns, f, undisturbed.id
		return s
	}
	fast := unlimited.named("speed", "8 hosts, links without limit, 256 MiB")
	fast.who = fastest
	tls := unlimited.named("tls", "the same, with TLS and without")
	tls.who = func(c chains) []contestant { return []contestant{c.plain(), c.tls()} }

	late := hit("late", "... one host starts at half: all can be right", fault{signal: syscall.SIGCONT, late: true, victims: 1})
	late.who = patient

	return []scenario{
		eight, many, undisturbed,
		hit("killed", "... one host killed (SIGKILL) at half: 7 can be right", fault{signal: syscall.SIGKILL, victims: 1}),
		hit("frozen", "... one host frozen (SIGSTOP) at half: 7 can be right", fault{signal: syscall.SIGSTOP, victims: 1}),
		hit("two-frozen", "... two neighbours frozen at half: 6 can be right", fault{signal: syscall.SIGSTOP, victims: 2}),
		hit("slow", "... one host's link carries 20 Mbit/s: all can be right", fault{slow: true, victims: 1}),
		late,
		fast, tls,
		{
			id: "crowd", title: "200 receivers on the loopback, 16 MiB, a ring of 4 MiB each", columns: crowdColumns,
			hosts: 200, size: 16 * mib, loopback: true, memory: true, limit: 120 * time.Second,
			who: func(c chains) []contestant { return []contestant{c.crowd()} },
		},
	}
}

// scenarioOf finds the scenario with that id; there is one.
func scenarioOf(id string) scenario {
	all := scenarios()
	return all[slices.IndexFunc(all, func(s scenario) bool { return s.id == id })]
}

func (s scenario) named(id, title string) scenario {
	s.id, s.title = id, title
	return s
}

func everybody(c chains) []contestant {
	return []contestant{copyOnce(), c.plain(), relay(), plainRelay(), unicast(), udpcast()}
}

func broadcasters(c chains) []contestant {
	return []contestant{c.plain(), relay(), unicast(), udpcast()}
}

// patient are those that serve a host that was not there at first.
func patient(c chains) []contestant { return []contestant{c.plain(), unicast()} }

func fastest(c chains) []contestant { return []contestant{c.plain(), relay(), plainRelay(), udpcast()} }

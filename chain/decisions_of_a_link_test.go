package chain

import "slices"

// offersMachine plays what a link of round 7, of 8 links, does with whoever wants to feed it.
func offersMachine() func([]string) string {
	var p *place
	round := func(n uint64, links int) plan { return plan{round: n, head: "head:1", links: make([]Link, links)} }
	return func(words []string) string {
		switch words[0] {
		case "link":
			p = &place{from: nobody}
		case "enters":
			now := round(7, 8)
			p.plan.Store(&now)
			p.begin(beginning, false)
		case "fed": // fed by FEEDER
			p.adopt(beginning, int(number(words, 2)))
		case "waits":
			p.drop(beginning, true, "its feeder died")
		case "leaves":
			p.leave("its disk is slow")
		case "home":
			p.goHome()
		case "plan": // plan of FEEDER in round ROUND [late] [short]
			o := round(uint64(number(words, 5)), 8)
			if slices.Contains(words, "short") {
				o.links = o.links[1:]
			}
			o.feeder, o.late = int(number(words, 2)), slices.Contains(words, "late")
			what, r := p.offered(o)
			answer := [...]string{refuses: "refuses", closes: "closes", calls: "closes, and calls the head", staysOut: "closes, and begins the round outside of its chain",
				takesOn: "takes it on", enters: "takes it on, and begins the round"}[what]
			if what == refuses {
				answer += [...]string{fedByAnother: " (fed by another): ", failed: " (failed): ", leaves: " (leaves): "}[r.how] + r.cause
			}
			return answer
		default:
			panic(words[0])
		}
		return "so it is"
	}
}

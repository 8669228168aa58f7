package chain

import "fmt"

// lagMachine counts bytes in KiB and time in ms.
func lagMachine() func([]string) string {
	var p patience
	var h hop
	return func(words []string) string {
		switch words[0] {
		case "patience": // patience LIMIT
			p = patience{limit: milliseconds(words, 1)}
		case "tick": // tick AT held|free
			asks := p.tick(after(words, 1), words[2] == "held")
			return fmt.Sprintf("%d ms held, asks %v", p.score.Milliseconds(), asks)
		case "hop":
			h = hop{}
		case "look": // look AT SENT BACKLOG LEFT INFLOW WRITING [excused]
			rate, suspicious := h.look(sample{now: after(words, 1), sent: number(words, 2) << 10, backlog: number(words, 3) << 10,
				left: number(words, 4) << 10, inflow: float64(number(words, 5) << 10), writing: milliseconds(words, 6), excused: len(words) > 7})
			if rate == 0 {
				return "nothing to say"
			}
			return fmt.Sprintf("%.0f KiB/s, suspicious %v", rate/(1<<10), suspicious)
		case "found": // found AT RATE OTHER
			if h.found(after(words, 1), float64(number(words, 2)), float64(number(words, 3))) {
				return "the hop is slow"
			}
			return fmt.Sprintf("it is not the hop, no look before %d", h.notAgain.Sub(beginning).Milliseconds())
		case "instead": // instead RATE-OF-THE-ONE-PUT-ASIDE RATE
			return fmt.Sprintf("misjudged %v", misjudged(float64(number(words, 1)), float64(number(words, 2))))
		default:
			panic(words[0])
		}
		return "begins"
	}
}

package rights_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kadeploy/kadeploy/internal/nodeset"
	"github.com/kadeploy/kadeploy/internal/rights"
)

// player carries out the commands of a transcript. It begins on 2026-03-02 at 10:00 with the nodes n1 to n8.
//
//	site n1,n2                                        the nodes of the site
//	at 12:30                                          the clock, of that day
//	appoint root operator                             admins from outside
//	user alice [admin]; forget alice
//	grant alice n[1-4] part=3 until=2h overwrite      patterns are separated by blanks
//	revoke alice n1 part=3
//	check alice n[1-4] part=3                         part=any: any right will do
//	expire; next; list; users
//	until 2h
type player struct {
	t    *testing.T
	now  time.Time
	site []string
	book *rights.Book
}

func newPlayer(t *testing.T) *player {
	p := &player{t: t, now: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), book: rights.New()}
	p.play("site n[1-8]")
	return p
}

func (p *player) play(line string) []string {
	word, rest, _ := strings.Cut(line, " ")
	words, options := p.options(rest)
	var err error
	switch word {
	case "site":
		if p.site, err = nodeset.Expand(rest); err != nil {
			p.t.Fatal(err)
		}
		return nil
	case "at":
		at, err := time.Parse(time.TimeOnly, rest+":00")
		if err != nil {
			p.t.Fatal(err)
		}
		p.now = time.Date(2026, 3, 2, at.Hour(), at.Minute(), 0, 0, time.UTC)
		return nil
	case "appoint":
		p.book.Appoint(words)
		return nil
	case "user":
		u, err := p.book.AddUser(words[0], len(words) > 1, p.now)
		if err != nil {
			return []string{"no: " + err.Error()}
		}
		return []string{userLine(u)}
	case "until":
		t, err := rights.Until(rest, p.now)
		if err != nil {
			return []string{"no: " + err.Error()}
		}
		return []string{t.Format(time.RFC3339)}
	case "next":
		if t, ok := p.book.NextExpiry(); ok {
			return []string{t.Format(time.DateTime)}
		}
		return []string{"never"}
	case "list":
		return p.list()
	case "users":
		var all []string
		for _, u := range p.book.Users() {
			all = append(all, userLine(u))
		}
		return all
	case "check":
		part := options["part"]
		if part == "any" {
			part = rights.AnyPart
		}
		return answer(nil, p.book.Check(words[0], p.nodes(words[1]), part, p.now))
	}
	return p.change(word, words, options)
}

// change plays what takes rights away, on a copy, as the server does.
func (p *player) change(word string, words []string, options map[string]string) []string {
	next := p.book.Clone()
	var lost []rights.Loss
	var err error
	switch word {
	case "forget":
		known := false
		if lost, known = next.DelUser(words[0], p.now); !known {
			err = fmt.Errorf("nobody is called %s", words[0])
		}
	case "grant":
		r := rights.Request{User: words[0], Nodes: words[1:], Part: options["part"], By: "root"}
		_, r.Overwrite = options["overwrite"]
		if text, ok := options["until"]; ok {
			if r.Until, err = rights.Until(text, p.now); err != nil {
				p.t.Fatal(err)
			}
		}
		lost, err = next.Grant(r, p.site, p.now)
	case "revoke":
		lost, err = next.Revoke(words[0], words[1:], options["part"], p.site, p.now)
	case "expire":
		lost = next.Expire(p.now)
	default:
		p.t.Fatalf("unknown command %q", word)
	}
	if err == nil {
		p.book = next
	}
	return answer(lost, err)
}

func (p *player) options(rest string) (words []string, options map[string]string) {
	options = map[string]string{"part": rights.All}
	for _, w := range strings.Fields(rest) {
		if k, v, ok := strings.Cut(w, "="); ok || w == "overwrite" {
			options[k] = v
		} else {
			words = append(words, w)
		}
	}
	return words, options
}

func (p *player) nodes(pattern string) []string {
	names, err := nodeset.Expand(pattern)
	if err != nil {
		p.t.Fatal(err)
	}
	return names
}

func (p *player) list() []string {
	all := []string{}
	for _, r := range p.book.List(nil) {
		until := "for ever"
		if !r.Until.IsZero() {
			until = "until " + r.Until.Format(time.TimeOnly)
		}
		all = append(all, fmt.Sprintf("%s %s part %s %s, by %s at %s", r.User, nodeset.Fold(r.Nodes), r.Part, until, r.By, r.At.Format(time.TimeOnly)))
	}
	if len(all) == 0 {
		return []string{"nothing"}
	}
	return all
}

func userLine(u rights.User) string {
	return fmt.Sprintf("%s admin=%v since %s", u.Name, u.Admin, u.Since.Format(time.TimeOnly))
}

func answer(lost []rights.Loss, err error) []string {
	if err != nil {
		return []string{"no: " + err.Error()}
	}
	all := []string{"yes"}
	for _, l := range lost {
		all = append(all, fmt.Sprintf("  %s loses %s", l.User, nodeset.Fold(l.Nodes)))
	}
	return all
}

package rights

import "fmt"

// Put adds a grant as a file would: it asks nobody who holds the node now, and the node need not be of the site. It is for
// books that are made from what another system had; whoever gives rights uses Grant.
func (b *Book) Put(g Grant) error {
	if err := (Request{User: g.User, Part: g.Part, Until: g.Until}).check(g.At); err != nil {
		return err
	}
	if b.grants >= MaxGrants {
		return fmt.Errorf("more than %d rights", MaxGrants)
	}
	g.Until, g.At = moment(g.Until), moment(g.At)
	b.put(g)
	return nil
}

package rights

import (
	"errors"
	"fmt"
	"time"
)

// Put adds a grant as it was kept, here or in another system: it asks nobody who holds the node now, and the node need not be of the
// site. Whoever gives rights uses Grant.
func (b *Book) Put(g Grant) error {
	g.Until, g.At = moment(g.Until), moment(g.At)
	if err := (Request{User: g.User, Part: g.Part}).check(g.At); err != nil {
		return err
	}
	if g.Node == "" {
		return errors.New("no node")
	}
	if !g.Until.IsZero() && !g.At.Before(g.Until) {
		return fmt.Errorf("the end %s is over when it begins", g.Until.Format(time.DateTime))
	}
	if b.grants >= MaxGrants {
		return fmt.Errorf("more than %d rights", MaxGrants)
	}
	b.put(g)
	return nil
}

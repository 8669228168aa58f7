package actors

import (
	"errors"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/catalogue"
)

// named finds the environment of the catalogue that a request names, nil when it names none, and what its files are found with.
func (d *deployments) named(m *message.Submit) (*catalogue.Environment, fileAccess, error) {
	by := catalogue.Asker{User: m.GetUser(), Admin: d.ledger.admin(m.GetUser())}
	uploads, err := uploadsOf(m.GetUploads())
	own := d.sources.access(by.User, by.Admin, uploads)
	if m.GetEnvironmentName() == "" || err != nil {
		return nil, own, err
	}
	if len(m.GetEnvironment()) > 0 {
		return nil, fileAccess{}, errors.New("the request has a description and names an environment: one of them is wanted")
	}
	if d.shelf.store == nil {
		return nil, fileAccess{}, errNoCatalogue
	}
	e, err := d.shelf.now.Load().Find(by, queryOf(&message.EnvRef{Name: m.GetEnvironmentName(), User: m.GetEnvironmentUser(), Version: m.EnvironmentVersion}))
	if err != nil {
		return nil, fileAccess{}, err
	}
	may := d.sources.accessOf(e, d.ledger)
	may.asker = &own
	return &e, may, nil
}

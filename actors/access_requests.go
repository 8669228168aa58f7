package actors

import (
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/link"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/nodeset"
	"github.com/kadeploy/kadeploy/internal/rights"
)

var errNoUser = errors.New("nobody has that name")

// The life of an enrolment's token.
const (
	tokenLife    = time.Hour // when the admin does not say
	maxTokenLife = 7 * 24 * time.Hour
)

// newChange makes a change of a request.
func (a *access) newChange(m asked) (*change, error) {
	switch r := m.request.(type) {
	case *message.RightsAdd:
		return a.add(m.by, r), nil
	case *message.RightsDel:
		return a.del(m.by, r), nil
	case *message.UserAdd:
		return a.addUser(r)
	case *message.UserDel:
		return a.delUser(m.by, r)
	}
	return nil, fmt.Errorf("access does not take a %T", m.request)
}

func (a *access) add(by string, r *message.RightsAdd) *change {
	until := time.Time{}
	if r.GetUntil() != nil {
		until = r.GetUntil().AsTime()
	}
	want := rights.Request{User: r.GetUser(), Nodes: r.GetNodes(), Part: r.GetPart(), Until: until, By: by, Overwrite: r.GetOverwrite()}
	return &change{
		apply: func(next *rights.Book, now time.Time) ([]rights.Loss, error) {
			return next.Grant(want, a.ledger.site(), now)
		},
		why: func(l rights.Loss) string {
			return fmt.Sprintf("%s took %s from %s and gave it to %s", by, folded(l.Nodes), who(l.User), who(r.GetUser()))
		},
		answer: granted(r.GetClientId(), r.GetUser()),
	}
}

func (a *access) del(by string, r *message.RightsDel) *change {
	return &change{
		apply: func(next *rights.Book, now time.Time) ([]rights.Loss, error) {
			return next.Revoke(r.GetUser(), r.GetNodes(), r.GetPart(), a.ledger.site(), now)
		},
		why:    func(l rights.Loss) string { return fmt.Sprintf("%s took %s from %s", by, folded(l.Nodes), who(l.User)) },
		answer: granted(r.GetClientId(), r.GetUser()),
	}
}

// addUser asks for the token after the user is in the book: a token of nobody would be worse than a user without one.
func (a *access) addUser(r *message.UserAdd) (*change, error) {
	if a.cfg.tokens == nil {
		return nil, errors.New("this server enrols nobody: it has no certificates")
	}
	life := tokenLife
	if r.GetLife() != nil {
		life = r.GetLife().AsDuration()
	}
	if life < time.Minute || life > maxTokenLife {
		return nil, fmt.Errorf("a token lives at least 1m0s and at most %s, not %s", maxTokenLife, life)
	}
	var user rights.User
	return &change{
		apply: func(next *rights.Book, now time.Time) (_ []rights.Loss, err error) {
			user, err = next.AddUser(r.GetName(), r.GetAdmin(), now)
			return nil, err
		},
		answer: func(*rights.Book, []rights.Loss) (proto.Message, error) {
			token, err := a.cfg.tokens(user.Name, life)
			if err != nil {
				return nil, &unavailableError{fmt.Errorf("%s is a user now, but has no token: %w; say user add again", user.Name, err)}
			}
			return &message.UserToken{ClientId: r.GetClientId(), User: userMessage(user), Token: token, Pin: a.cfg.pin, Life: durationpb.New(life)}, nil
		},
	}, nil
}

// delUser shuts the door before it forgets who stood there.
func (a *access) delUser(by string, r *message.UserDel) (*change, error) {
	name := r.GetName()
	return &change{
		gone: true,
		apply: func(next *rights.Book, now time.Time) ([]rights.Loss, error) {
			if _, known := next.DelUser(name, now); !known {
				return nil, fmt.Errorf("%w: %.70q (see kadeploy user list)", errNoUser, name)
			}
			if a.cfg.deny != nil {
				if err := a.cfg.deny(name, "deleted by "+by); err != nil {
					return nil, &unavailableError{fmt.Errorf("%s could not be shut out: %w", name, err)}
				}
			}
			return []rights.Loss{{User: name, Nodes: []string{rights.All}}}, nil
		},
		why: func(rights.Loss) string { return fmt.Sprintf("%s deleted the user %s", by, name) },
		answer: func(*rights.Book, []rights.Loss) (proto.Message, error) {
			return &message.Accepted{Id: name, ClientId: r.GetClientId()}, nil
		},
	}, nil
}

// list shows rights: to admins anybody's, to others what they have themselves, with what everybody has.
func (a *access) list(ctx actor.Context, by string, r *message.RightsList) {
	user, book := r.GetUser(), a.ledger.book.Load()
	if !a.ledger.admin(by) {
		if user != "" && user != by {
			refuse(ctx, r.GetClientId(), message.Refusal_FORBIDDEN, "the rights of "+user+" are for admins; kadeploy rights list shows yours")
			return
		}
		user = by
	}
	matches, err := rights.Matches(r.GetNodes(), a.ledger.site())
	if err != nil {
		refuse(ctx, r.GetClientId(), message.Refusal_INVALID, err.Error())
		return
	}
	now := time.Now()
	answer := rightsMessage(r.GetClientId(), book.List(func(g rights.Grant) bool {
		return g.Live(now) && (user == "" || g.User == user || g.User == rights.All) && matches(g.Node)
	}))
	if proto.Size(answer) > maxAnswer {
		refuse(ctx, r.GetClientId(), message.Refusal_INVALID, "more rights than one answer holds: name a user or nodes")
		return
	}
	ctx.Respond(answer)
}

// maxAnswer leaves room for the envelope.
const maxAnswer = link.MaxMessage - 4<<10

// granted answers a change with all that the user has now, if it fits, and with what was lost.
func granted(clientID, user string) func(*rights.Book, []rights.Loss) (proto.Message, error) {
	return func(b *rights.Book, lost []rights.Loss) (proto.Message, error) {
		m := rightsMessage(clientID, b.List(func(g rights.Grant) bool { return g.User == user }))
		for _, l := range lost {
			m.Lost = append(m.Lost, &message.RightsLost{User: l.User, Nodes: nodeset.Fold(l.Nodes)})
		}
		if proto.Size(m) > maxAnswer {
			m.Rights = nil
		}
		if proto.Size(m) > maxAnswer {
			m.Lost = nil
		}
		return m, nil
	}
}

func rightsMessage(clientID string, rows []rights.Row) *message.Rights {
	m := &message.Rights{ClientId: clientID}
	for _, r := range rows {
		right := &message.Right{User: r.User, Nodes: nodeset.Fold(r.Nodes), Part: r.Part, By: r.By, Since: timestamppb.New(r.At)}
		if !r.Until.IsZero() {
			right.Until = timestamppb.New(r.Until)
		}
		m.Rights = append(m.Rights, right)
	}
	return m
}

func usersMessage(clientID string, users []rights.User) *message.Users {
	m := &message.Users{ClientId: clientID}
	for _, u := range users {
		m.Users = append(m.Users, userMessage(u))
	}
	return m
}

func userMessage(u rights.User) *message.User {
	return &message.User{Name: u.Name, Admin: u.Admin, Since: timestamppb.New(u.Since)}
}

// who words a user of the book.
func who(user string) string {
	if user == rights.All {
		return "everybody"
	}
	return user
}

// folded words nodes of the book in a cause, which is one line.
func folded(nodes []string) string {
	if len(nodes) == 1 && nodes[0] == rights.All {
		return "every node"
	}
	text := nodeset.Fold(nodes)
	if len(text) > maxFolded {
		text = text[:maxFolded] + "…"
	}
	return text
}

// maxFolded bounds it, in bytes.
const maxFolded = 100

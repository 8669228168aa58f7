package actors

import (
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/actors/link"
	"github.com/kadeploy/kadeploy/internal/rights"
)

const userIdentity = "ka://user/" // and the user's name

// caller is the user who sent the message under way. What did not come with a user's identity has no caller: nothing that a
// message says of its sender is believed.
func caller(ctx actor.Context) (user string, ok bool) {
	headers := ctx.MessageHeader()
	if headers == nil {
		return "", false
	}
	user, ok = strings.CutPrefix(headers.Get(link.IdentityHeader), userIdentity)
	if !ok || rights.CheckName(user) != nil {
		return "", false
	}
	return user, true
}

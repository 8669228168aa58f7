package actors

import (
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/internal/rights"
)

const (
	// identityHeader is the header that the link's guard sets to who sent a message; what the sender set is thrown away there.
	identityHeader = "x-identity"

	userIdentity = "ka://user/" // and the user's name
)

// caller is the user who sent the message under way. What did not come with a user's identity has no caller: nothing that a
// message says of its sender is believed.
func caller(ctx actor.Context) (user string, ok bool) {
	headers := ctx.MessageHeader()
	if headers == nil {
		return "", false
	}
	user, ok = strings.CutPrefix(headers.Get(identityHeader), userIdentity)
	if !ok || rights.CheckName(user) != nil {
		return "", false
	}
	return user, true
}

// named says whether the link said anything of who sent the message under way.
func named(ctx actor.Context) bool {
	headers := ctx.MessageHeader()
	return headers != nil && headers.Get(identityHeader) != ""
}

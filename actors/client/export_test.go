package client

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
)

// Deliver is Submit without a link.
func Deliver(ctx context.Context, submit func(context.Context, *message.Submit) (proto.Message, error), u Uploader, progress func(UploadProgress), req *message.Submit) (proto.Message, error) {
	return delivery{submit, u, progress}.do(ctx, req)
}

// AllPages joins the pages of Show.
var AllPages = allPages

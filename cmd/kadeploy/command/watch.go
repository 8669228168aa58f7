package command

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"
)

func (r *runner) watchCommand() *cli.Command {
	return &cli.Command{
		Name: "watch", Usage: "follow an operation until it ends", ArgsUsage: "ID", Description: watchHelp,
		Flags: join(fileFlags(), []cli.Flag{outputFlag()}, serverFlags()),
		Action: func(c *cli.Context) error {
			id, err := oneID(c)
			if err != nil {
				return err
			}
			res, err := newResults(c)
			if err != nil {
				return err
			}
			return r.withServer(c, func(svc Service) error { return r.stay(c.Context, svc, follower{id: id}, res) })
		},
	}
}

func (r *runner) cancelCommand() *cli.Command {
	return &cli.Command{
		Name: "cancel", Usage: "end an operation", ArgsUsage: "ID", Description: cancelHelp,
		Flags: serverFlags(),
		Action: func(c *cli.Context) error {
			id, err := oneID(c)
			if err != nil {
				return err
			}
			return r.withServer(c, func(svc Service) error {
				_, err := await(c.Context, r, 0, func(ctx context.Context) (struct{}, error) { return struct{}{}, svc.Cancel(ctx, id) })
				if err != nil {
					return err
				}
				fmt.Fprintf(r.Stdout, "%s is being cancelled\n", id)
				return nil
			})
		},
	}
}

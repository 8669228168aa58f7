package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/actors/message"
)

func (r *runner) deployCommand() *cli.Command {
	environment := []cli.Flag{
		&cli.StringFlag{Name: "environment", Aliases: []string{"a", "env-file"}, Usage: "deploy the environment described in `FILE`"},
		&cli.StringFlag{Name: "env-name", Aliases: []string{"e"}, Usage: "deploy the environment `NAME` of the catalogue (see kadeploy env list)"},
	}
	return &cli.Command{
		Name: "deploy", Usage: "deploy an environment on nodes", Description: deployHelp,
		Flags: join(environment, ownerFlags("with -e: the environment of `USER`"), deployFlags()),
		Action: func(c *cli.Context) error {
			switch file, name := c.String("environment"), c.String("env-name"); {
			case file == "" && name == "":
				return usage("deploy", "no environment: give -e NAME or -a FILE, or say kadeploy start for the site's own")
			case file != "" && name != "":
				return usage("deploy", "-a FILE or -e NAME, not both")
			case name == "" && (c.IsSet("user") || c.IsSet("env-version")):
				return usage("deploy", "-u and --env-version are for -e NAME")
			}
			return r.deploy(c)
		},
	}
}

// startCommand is the old form: the environment is the one that the server's configuration names.
func (r *runner) startCommand() *cli.Command {
	return &cli.Command{
		Name: "start", Usage: "deploy the site's own environment on nodes", Description: startHelp,
		Flags: deployFlags(), Action: r.deploy,
	}
}

func (r *runner) deploy(c *cli.Context) error {
	p, err := r.newPlan(c, message.Operation_DEPLOY)
	if err != nil {
		return err
	}
	if err := r.addDeployment(p, c); err != nil {
		return err
	}
	if name := c.String("environment"); name != "" {
		if p.submit.Environment, p.submit.EnvironmentPath, err = readDescription(p.command, "-a", name); err != nil {
			return err
		}
	}
	if name := c.String("env-name"); name != "" {
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() && filepath.Ext(name) != "" {
			return usage(p.command, "-e %s: names an environment of the catalogue, and this is a file: deploy it with -a", name)
		}
		ref, err := envRef(c, c.String("env-name"))
		if err != nil {
			return err
		}
		p.submit.EnvironmentName, p.submit.EnvironmentUser, p.submit.EnvironmentVersion = ref.GetName(), ref.GetUser(), ref.Version
	}
	return r.withServer(c, func(svc Service) error {
		if p.check {
			return r.dryRun(c.Context, svc, p)
		}
		return r.operate(c.Context, svc, p)
	})
}

func (r *runner) rebootCommand() *cli.Command {
	own := []cli.Flag{
		&cli.StringFlag{Name: "level", Aliases: []string{"l"}, Value: "soft", Usage: "`LEVEL`: soft, hard or very_hard"},
		&cli.StringFlag{Name: "kind", Aliases: []string{"reboot-kind"}, Value: "simple", Usage: "`KIND`: simple, deploy_env (into the deployment system) or recorded_env (into the environment of -e, that is on partition -p)"},
		&cli.StringFlag{Name: "env-name", Aliases: []string{"e"}, Usage: "with recorded_env: the environment `NAME` of the catalogue"},
		&cli.StringFlag{Name: "part", Aliases: []string{"p", "partition"}, Usage: "with recorded_env: the partition with the number `NUM` instead of the site's"},
		&cli.StringFlag{Name: "key", Aliases: []string{"k"}, Usage: "with deploy_env: ssh public keys in `FILE` may log in as root; without a value: ~/.ssh/authorized_keys"},
	}
	return &cli.Command{
		Name: "reboot", Usage: "reboot nodes", Description: rebootHelp,
		Flags: join(nodeFlags(), own, ownerFlags("with -e: the environment of `USER`"), waitFlags(), fileFlags(), []cli.Flag{outputFlag()}, serverFlags()),
		Action: func(c *cli.Context) error {
			p, err := r.newPlan(c, message.Operation_REBOOT)
			if err != nil {
				return err
			}
			if p.submit.RebootLevel, err = powerLevel(p.command, c.String("level")); err != nil {
				return err
			}
			if err := r.rebootKind(p, c); err != nil {
				return err
			}
			return r.withServer(c, func(svc Service) error { return r.operate(c.Context, svc, p) })
		},
	}
}

// rebootKind checks what a reboot of another kind than the simple one needs. The names are those of kareboot, of 2009 too.
func (r *runner) rebootKind(p *plan, c *cli.Context) (err error) {
	s, name := p.submit, c.String("env-name")
	switch kind := c.String("kind"); kind {
	case "simple", "simple_reboot":
	case "deploy_env":
		s.RebootKind = "DeployEnv"
	case "recorded_env", "env_recorded":
		s.RebootKind = "RecordedEnv"
	case "set_pxe":
		return usage(p.command, "--kind set_pxe: boot profiles written by users are not in this version")
	default:
		return usage(p.command, "--kind %s: not a kind of reboot; simple, deploy_env or recorded_env", kind)
	}
	switch {
	case s.RebootKind == "RecordedEnv" && name == "":
		return usage(p.command, "--kind recorded_env: give the environment with -e NAME")
	case s.RebootKind != "RecordedEnv" && (name != "" || c.IsSet("part") || c.IsSet("user") || c.IsSet("env-version")):
		return usage(p.command, "-e, -p, -u and --env-version are for --kind recorded_env")
	case s.RebootKind != "DeployEnv" && c.IsSet("key"):
		return usage(p.command, "-k is for --kind deploy_env")
	}
	if c.IsSet("key") {
		s.Key, err = r.readKeys(p.command, c.String("key"))
	}
	if name == "" || err != nil {
		return err
	}
	ref, err := envRef(c, name)
	if err != nil {
		return err
	}
	s.EnvironmentName, s.EnvironmentUser, s.EnvironmentVersion, s.Partition = ref.GetName(), ref.GetUser(), ref.Version, c.String("part")
	return nil
}

// operate submits a request and stays with it until the end.
func (r *runner) operate(ctx context.Context, svc Service, p *plan) error {
	id, err := await(ctx, r, r.Grace, func(ctx context.Context) (string, error) { return svc.Submit(ctx, p.submit) })
	if err != nil && id == "" {
		return unsure(err)
	}
	interrupted := err != nil // the answer came after all: now there is something to cancel
	if err := p.id.write([]string{id}); err != nil {
		fmt.Fprintf(r.Stderr, "kadeploy: %s\n", err)
	}
	if p.noWait && !interrupted {
		return r.writeID(id, p.json)
	}
	return r.stay(ctx, svc, follower{id: id, cancels: true, interrupted: interrupted, asked: p.submit.Nodes}, p.results)
}

func (r *runner) writeID(id string, json bool) error {
	if json {
		return r.writeJSON(map[string]string{"id": id})
	}
	fmt.Fprintln(r.Stdout, id)
	return nil
}

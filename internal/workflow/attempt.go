package workflow

// prepare makes the attempt of the next try from the plan. hard: the node has failed in this instance before, or was lost.
func (n *node) prepare(hard bool) {
	n.begin(n.adapt(n.instance().Steps, hard))
	n.fresh, n.rejoined = true, false
	if !n.visits[n.macro].begun {
		n.tries++
	}
}

// begin makes the attempt one that does these steps, with all the time of a try.
func (n *node) begin(steps []Step) {
	i := n.instance()
	n.attempt = Attempt{
		Macro:    n.Plan.Macros[n.macro].Macro,
		Instance: i.Name,
		Try:      n.visits[n.macro].try,
		Steps:    steps,
		Timeout:  i.Timeout,
	}
	n.fresh, n.step, n.hasImage, n.repeats, n.spent = false, -1, false, nil, 0
}

// adapt makes the steps of a try from those of the plan. They differ where the tries before left something behind:
//
//   - A soft reboot becomes a hard one when the same instance is tried again, as in Kadeploy3 1.5: the node that did not come
//     back from a soft reboot would be asked again in vain. The next instance starts with the plan's level.
//   - BroadcastEnv begins with umount_deploy_part when an earlier try has come to mount_deploy_part (a dd image is mounted
//     after it was sent): nothing may be written under a mounted file system. The step is done when nothing is mounted.
//   - BootNewEnv reaches no agent any more when an earlier try has come to leave the deployment system, or has lost it:
//     what it was to do to its disk falls away and a hard reboot stands in for reboot_from_deploy_env and kexec.
func (n *node) adapt(plan []Step, hard bool) []Step {
	macro := n.Plan.Macros[n.macro].Macro
	var adapted []Step
	if macro == BroadcastEnv && n.mounted && indexOf(plan, MountDeployPart) >= 0 {
		adapted = append(adapted, Step{Micro: UmountDeployPart})
	}
	gone := macro == BootNewEnv && n.gone
	for _, s := range plan {
		switch {
		case gone && (s.Micro == UmountDeployPart || s.Micro == MountDeployPart || s.Custom != nil):
			continue
		case gone && (s.Micro == RebootFromDeployEnv || s.Micro == Kexec):
			s = Step{Micro: RebootNode, Level: Hard}
		case hard && s.Level == Soft:
			s.Level = Hard
		}
		adapted = append(adapted, s)
	}
	return adapted
}

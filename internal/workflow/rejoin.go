package workflow

import "slices"

// rejoin has a node wait for its agent, whose connection broke, and then do its try again: the deployment system still runs, so that
// nothing is booted. It says false where that cannot be. The wait and the work that follows are of the try that the node is in; once for
// each, so that a line that breaks again and again comes to an end.
//
// What the try does to the disk it does from the beginning, never from the middle:
//
//   - SetDeploymentEnv goes on with what it does behind wait_reboot.
//   - BroadcastEnv goes on with send_environment where the agent has kept that order ([Attempt.Resumes]). Otherwise it sends the image again. A dd image brings its file system. For an archive the disk is prepared again before, so that
//     it is unpacked into a new file system, and a post-install that ran in the old one has run for nothing.
//   - BootNewEnv begins again as long as it has not told the node to leave the deployment system.
func (n *node) rejoin() bool {
	work, ok := n.work()
	if n.Reconnect == 0 || n.rejoined || !ok {
		return false
	}
	n.begin(append([]Step{{Micro: AwaitAgent}}, work...))
	n.rejoined = true
	return true
}

// work is what a try does once the deployment system is up and nobody knows how far it came.
func (n *node) work() ([]Step, bool) {
	prepare, up := n.preparation()
	if !up {
		return nil, false
	}
	unmount, own := steps(UmountDeployPart), n.instance().Steps
	switch n.Plan.Macros[n.macro].Macro {
	case SetDeploymentEnv:
		return append(unmount, prepare...), true
	case BroadcastEnv:
		if indexOf(own, MountDeployPart) >= 0 {
			return append(unmount, own...), true
		}
		return slices.Concat(unmount, prepare, own), true
	case BootNewEnv:
		return own, !n.gone && !left(n.place.micro)
	}
	return nil, false
}

// preparation is what the instance of SetDeploymentEnv that the node has gone through does behind its boot of the deployment system,
// if it boots one.
func (n *node) preparation() ([]Step, bool) {
	first := n.Plan.Macros[0]
	i := slices.IndexFunc(first.Instances, func(i InstancePlan) bool { return i.Name == n.visits[0].last })
	if first.Macro != SetDeploymentEnv || i < 0 {
		return nil, false
	}
	at := indexOf(first.Instances[i].Steps, WaitReboot)
	return first.Instances[i].Steps[at+1:], at >= 0
}

// Preparation lists what may have been done to a node's disk before the image is sent, on any way through the plan: the steps behind the boot of
// the deployment system and before send_environment. It is the same for every attempt, whether that does some of them again or not.
func (p Plan) Preparation() (all []Step) {
	for _, m := range p.Macros {
		for _, i := range m.Instances {
			switch m.Macro {
			case SetDeploymentEnv:
				all = append(all, i.Steps[indexOf(i.Steps, WaitReboot)+1:]...)
			case BroadcastEnv:
				all = append(all, i.Steps[:max(indexOf(i.Steps, SendEnvironment), 0)]...)
			}
		}
	}
	return all
}

// booted says whether the attempt has come to where the deployment system is up.
func (n *node) booted() bool {
	return n.attempt.Macro != SetDeploymentEnv || n.step > indexOf(n.attempt.Steps, WaitReboot)
}

// awaits says whether the node waits for its agent, or is about to, and may then come to the chain with a part of its image: until it stands
// there, or has begun to prepare its disk.
func (n *node) awaits() bool {
	to := n.sending()
	return to > 0 && n.attempt.Steps[0].Micro == AwaitAgent && (n.step <= 0 || n.step == to && n.state == running)
}

// Resumes is the index of the step that the attempt goes on with once an agent has called again and has kept its order to receive the
// image: what stands before that is done, and was done for this very transfer. 0: there is no such step.
func (a Attempt) Resumes() int {
	return max(indexOf(a.Steps, SendEnvironment), 0)
}

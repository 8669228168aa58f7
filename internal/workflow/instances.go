package workflow

import (
	"fmt"
	"slices"
	"strings"
)

// instance is one way of doing a macro-step, by its name in Kadeploy3 1.4.
type instance struct {
	name   string
	reason string // why this version cannot do it, "" when it can
}

const dummy = "Dummy" // of each macro-step but Reboot

// instances lists every instance of a macro-step in the order of Kadeploy3 1.4.
func instances(macro Macro) []instance {
	switch macro {
	case SetDeploymentEnv:
		return []instance{
			{name: "Untrusted"},
			{name: "Kexec"},
			{name: "UntrustedCustomPreInstall"},
			{name: "Prod"},
			{name: "Nfsroot"},
			{name: dummy},
		}
	case BroadcastEnv:
		return []instance{
			{name: "Chain"},
			{name: "Tree"},
			{name: "Kastafior"},
			{name: "Kascade"},
			{name: "Bittorrent", reason: "needs a BitTorrent tracker, not in this version: use Chain"},
			{name: "Custom", reason: "needs the site's own transfer command, not in this version: use Chain"},
			{name: dummy},
		}
	case BootNewEnv:
		return []instance{
			{name: "Classical"},
			{name: "Kexec"},
			{name: "HardReboot"},
			{name: "PivotRoot", reason: "was never implemented in Kadeploy3 either"},
			{name: dummy},
		}
	case Reboot:
		return []instance{
			{name: "Simple"},
			{name: "SetPXE", reason: "needs boot profiles written by users, not in this version"},
			{name: "DeployEnv"},
			{name: "RecordedEnv"},
		}
	}
	return nil
}

// Instances lists the instance names of a macro-step, without its prefix, in the order of Kadeploy3 1.4; nil for an
// unknown macro-step. Those that [Supported] refuses are among them: they may stand in a configuration.
func Instances(macro Macro) []string {
	var names []string
	for _, i := range instances(macro) {
		names = append(names, i.name)
	}
	return names
}

// Supported says whether this version can do an instance, and when it cannot, why, in one line that follows the
// instance's name: "needs a BitTorrent tracker, not in this version: use Chain".
func Supported(macro Macro, name string) (bool, string) {
	all := instances(macro)
	at := slices.IndexFunc(all, func(i instance) bool { return i.name == name })
	if at < 0 {
		return false, fmt.Sprintf("is not an instance of %s (%s)", macro, strings.Join(Instances(macro), ", "))
	}
	return all[at].reason == "", all[at].reason
}

// Usable says whether an instance is worth trying among all those configured for its macro-step, and when not, why, as
// [Supported] does. A Dummy is for macro-steps that are to do nothing, in the tests of a site: behind an instance that failed it
// would go well, and leave a node without its system as OK.
func Usable(macro Macro, name string, among []Spec) (bool, string) {
	real := func(s Spec) bool { return s.Name != dummy && s.Tries > 0 }
	if name == dummy && slices.ContainsFunc(among, real) {
		return false, "does nothing, and cannot stand in for an instance that failed"
	}
	return Supported(macro, name)
}

// FromRetries converts the retries of a Kadeploy3 YAML configuration (since 3.1.6: tries after the first) to the tries of a
// [Spec], which counts as the macrostep lines of 2009 did: all tries, the first included. No retries are one try.
func FromRetries(retries int) int {
	return max(retries, 0) + 1
}

package redfish

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/stmcginnis/gofish"
	"github.com/stmcginnis/gofish/common"
	schema "github.com/stmcginnis/gofish/redfish"

	"github.com/kadeploy/kadeploy/internal/power"
)

// system is one machine of a controller, in a session.
type system struct {
	client *gofish.APIClient
	path   string
}

// find takes the system of a path, or the only one.
func find(c *gofish.APIClient, path string) (system, error) {
	if path != "" {
		return system{c, path}, nil
	}
	all, err := c.Service.Systems()
	if err != nil {
		return system{}, err
	}
	if len(all) != 1 {
		var paths []string
		for _, s := range all {
			paths = append(paths, s.ODataID)
		}
		slices.Sort(paths)
		return system{}, fmt.Errorf("it has %d systems (%s): name one in bmc_address = https://HOST/redfish/v1/Systems/ID", len(all), strings.Join(paths, ", "))
	}
	return system{c, all[0].ODataID}, nil
}

// Status reads the system again each time. Contexts are the transport's business.
func (s system) Status(context.Context) (power.Status, error) {
	now, err := schema.GetComputerSystem(s.client, s.path)
	switch {
	case err != nil:
		return power.Unknown, err
	case now.PowerState == schema.OnPowerState:
		return power.On, nil
	case now.PowerState == schema.OffPowerState:
		return power.Off, nil
	}
	return power.Unknown, nil // on its way
}

// wanted are the reset types of an action, the best first.
var wanted = map[power.Action][]schema.ResetType{
	power.TurnOn:   {schema.OnResetType, schema.ForceOnResetType},
	power.CutOff:   {schema.ForceOffResetType},
	power.Shutdown: {schema.GracefulShutdownResetType},
	power.Restart:  {schema.GracefulRestartResetType},
	power.Reset:    {schema.ForceRestartResetType, schema.PowerCycleResetType},
}

// Order sends the best reset type that the system says it knows.
func (s system) Order(_ context.Context, action power.Action) error {
	now, err := schema.GetComputerSystem(s.client, s.path)
	if err != nil {
		return err
	}
	for _, reset := range wanted[action] {
		if len(now.SupportedResetTypes) == 0 || slices.Contains(now.SupportedResetTypes, reset) {
			return tagged(now, func() error { return now.Reset(reset) })
		}
	}
	return fmt.Errorf("the controller has no %s: %w", wanted[action][0], power.ErrNoCommand)
}

// bootOnce names device, once and mode in one request: some controllers take no less. The mode is what it was: to change it
// would change what firmware boots the disk.
func (s system) bootOnce() error {
	now, err := schema.GetComputerSystem(s.client, s.path)
	if err != nil {
		return err
	}
	boot := schema.Boot{
		BootSourceOverrideEnabled: schema.OnceBootSourceOverrideEnabled, BootSourceOverrideTarget: schema.PxeBootSourceOverrideTarget,
		BootSourceOverrideMode: now.Boot.BootSourceOverrideMode,
	}
	refused := tagged(now, func() error { return now.SetBoot(boot) })
	if now, err = schema.GetComputerSystem(s.client, s.path); err != nil {
		return cmp.Or(refused, err)
	}
	network := now.Boot.BootSourceOverrideTarget == schema.PxeBootSourceOverrideTarget
	forgotten := now.Boot.BootSourceOverrideEnabled == schema.DisabledBootSourceOverrideEnabled
	switch {
	case network && !forgotten: // whatever it has answered: an order that is repeated for want of an answer may be refused for its old tag
		return nil
	case refused != nil:
		return fmt.Errorf("boot from the network: %w", refused)
	case !network:
		return fmt.Errorf("boot from the network: taken, but the controller says it boots %q", now.Boot.BootSourceOverrideTarget)
	}
	return errors.New("boot from the network: taken, but the controller has forgotten it")
}

// tagged sends an order with the tag of what was read, and without where that is refused: services differ in what they demand.
func tagged(now *schema.ComputerSystem, order func() error) error {
	err := order()
	if refused := (*common.Error)(nil); errors.As(err, &refused) && refused.HTTPReturnedStatusCode == http.StatusPreconditionFailed {
		now.DisableEtagMatch(true)
		return order()
	}
	return err
}

// worded says what an operator can do.
func worded(ctx context.Context, err error) error {
	var refused *common.Error
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case errors.Is(err, power.ErrNoCommand):
		return err
	case errors.As(err, &unknown):
		return errors.New("its certificate is signed by nobody we know: set redfish_ca")
	case errors.As(err, &name):
		return fmt.Errorf("its certificate is another's: %w", name)
	case errors.As(err, &refused):
		return wordedStatus(refused)
	case ctx.Err() != nil && !errors.Is(err, context.Cause(ctx)):
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return err
}

// wordedStatus says what the answer says, without its whole body.
func wordedStatus(e *common.Error) error {
	said := e.Message
	if len(e.ExtendedInfos) > 0 && e.ExtendedInfos[0].Message != "" {
		said = e.ExtendedInfos[0].Message
	}
	status := fmt.Sprintf("%d %s", e.HTTPReturnedStatusCode, http.StatusText(e.HTTPReturnedStatusCode))
	switch {
	case e.HTTPReturnedStatusCode == http.StatusUnauthorized:
		return errors.New("wrong user or password (bmc_credentials)")
	case e.HTTPReturnedStatusCode == http.StatusForbidden:
		return errors.New("the user may not do that: give him the role of an operator")
	case said == "":
		return errors.New(status)
	}
	return fmt.Errorf("%s: %.200s", status, said)
}

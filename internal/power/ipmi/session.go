package ipmi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/bougou/go-ipmi/pkg/client"
	"github.com/bougou/go-ipmi/pkg/command/chassis"
	"github.com/bougou/go-ipmi/pkg/types"

	"github.com/kadeploy/kadeploy/internal/credentials"
	"github.com/kadeploy/kadeploy/internal/power"
)

// open opens a session by the first cipher suite that the controller takes. The controller is not asked which ones it knows:
// many do not answer that, and each question would cost seconds.
func (d *Driver) open(ctx context.Context, host string, port int, login credentials.Login, suites []int) (*client.Client, error) {
	err := errors.New("no cipher suite: set ipmi_cipher")
	for _, suite := range suites {
		var s *client.Client
		if s, err = client.NewClient(host, port, login.User, login.Password); err != nil {
			return nil, errors.New("the user's name is too long for IPMI") // the error of NewClient tells the name
		}
		s.WithTimeout(d.cfg.Answer).WithRetry(d.cfg.Tries - 1).WithCipherSuiteID(types.CipherSuiteID(suite)).
			WithMaxPrivilegeLevel(types.PrivilegeLevelOperator)
		if err = activate(ctx, s); err == nil {
			return s, nil
		}
		drop(s)
		if !unsupported(err) {
			break
		}
	}
	return nil, err
}

// errShort is a refusal that ends with its status, as the specification allows; the library does not tell which it was.
var errShort = errors.New("refused a session: it has none left, or none by these ciphers (ipmi_cipher)")

// activate is the exchange of IPMI 2.0, 13.15 from the opening on.
func activate(ctx context.Context, s *client.Client) error {
	if _, err := s.OpenSession(ctx); errors.Is(err, types.ErrUnpackedDataTooShort) {
		return errShort
	} else if err != nil {
		return err
	}
	if _, err := s.RAKPMessage1(ctx); err != nil {
		return err
	}
	if _, err := s.RAKPMessage3(ctx); err != nil {
		return err
	}
	if _, err := s.SetSessionPrivilegeLevel(ctx, types.PrivilegeLevelOperator); err != nil {
		hangUp(ctx, s)
		return err
	}
	return nil
}

// unsupported says that another cipher suite may do.
func unsupported(err error) bool {
	var status *types.RmcpStatusError
	return errors.Is(err, errShort) || errors.As(err, &status) && slices.Contains([]types.RmcpStatusCode{
		types.RmcpStatusCodeInvalidAuthAlg, types.RmcpStatusCodeInvalidIntegrityAlg, types.RmcpStatusCodeNoMatchingAuthPayload,
		types.RmcpStatusCodeNoMatchingIntegrityPayload, types.RmcpStatusCodeInvalidConfidentAlg, types.RmcpStatusCodeNoCipherSuiteMatch,
		types.RmcpStatusCodeIllegalParameter,
	}, status.StatusCode())
}

// hangUpTime is how long a controller may take to give a session back.
const hangUpTime = 2 * time.Second

// hangUp closes a session even when the context of its work is over.
func hangUp(ctx context.Context, s *client.Client) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hangUpTime)
	defer cancel()
	_ = s.Close(ctx) // a controller that does not answer forgets the session by itself
}

// drop closes the socket of a session that was never open: there is nobody to say goodbye to.
func drop(s *client.Client) {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.Close(over)
}

// worded says in the words of an operator what the library says in those of the specification.
func worded(ctx context.Context, err error) error {
	var status *types.RmcpStatusError
	var network net.Error
	refused, answered := types.IsResponseError(err)
	switch {
	case errors.Is(err, power.ErrNoCommand):
		return err
	case errors.Is(err, client.ErrRAKPAuthentication):
		return errors.New("wrong user or password (bmc_credentials)")
	case errors.As(err, &status):
		return wordedStatus(status.StatusCode())
	case answered:
		return fmt.Errorf("refused: %s (completion code %#02x)", refused.CompletionCode(), uint8(refused.CompletionCode()))
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("nothing listens there: is it the controller's address (bmc_address)?")
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", err, context.Cause(ctx))
	case errors.As(err, &network) && network.Timeout():
		return errors.New("no answer")
	}
	return err
}

func wordedStatus(code types.RmcpStatusCode) error {
	switch code {
	case types.RmcpStatusCodeUnauthorizedName, types.RmcpStatusCodeInvalidNameLength, types.RmcpStatusCodeInvalidIntegrityCheckValue:
		return errors.New("wrong user or password (bmc_credentials)")
	case types.RmcpStatusCodeUnauthorizedRoleOfPriLevel, types.RmcpStatusCodeInvalidRole:
		return errors.New("the user may not switch power: give him the privilege of an operator")
	case types.RmcpStatusCodeNoResToCreateSess, types.RmcpStatusCodeNoResToCreateSessAtRole:
		return errors.New("all its sessions are in use: close some, or reset the controller")
	}
	return fmt.Errorf("no session: %s (set ipmi_cipher?)", code)
}

// controller is a session as the levels of power need it.
type controller struct{ *client.Client }

func (c controller) Status(ctx context.Context) (power.Status, error) {
	status, err := c.GetChassisStatus(ctx)
	switch {
	case err != nil:
		return power.Unknown, err
	case status.PowerIsOn:
		return power.On, nil
	}
	return power.Off, nil
}

// Order sends a chassis control (IPMI 2.0, 28.3).
func (c controller) Order(ctx context.Context, action power.Action) error {
	control, known := map[power.Action]chassis.ChassisControl{
		power.TurnOn: chassis.ChassisControlPowerUp, power.CutOff: chassis.ChassisControlPowerDown,
		power.Shutdown: chassis.ChassisControlSoftShutdown, power.Reset: chassis.ChassisControlHardReset,
	}[action]
	if !known {
		return power.ErrNoCommand
	}
	_, err := c.ChassisControl(ctx, control)
	return err
}

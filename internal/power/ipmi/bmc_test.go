package ipmi_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"github.com/bougou/go-ipmi/pkg/bmc"
	"github.com/bougou/go-ipmi/pkg/hal"
	"github.com/bougou/go-ipmi/pkg/hal/mock"
	"github.com/bougou/go-ipmi/pkg/server"
	"github.com/bougou/go-ipmi/pkg/transport/udp"
	"github.com/bougou/go-ipmi/pkg/types"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/power"
)

// chassis is the machine behind a controller of the tests.
type chassis struct {
	*mock.Chassis // what is not overridden
	mu            sync.Mutex
	on            bool
	lies          bool // takes every order and does nothing
	refuses       bool
	told          []string
	flags         *types.BootOptionParam_BootFlags
}

func (c *chassis) PowerState(context.Context) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.on, nil
}

func (c *chassis) do(what string, on bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = append(c.told, what)
	switch {
	case c.refuses:
		return errors.New("refused")
	case !c.lies:
		c.on = on
	}
	return nil
}

func (c *chassis) SetPower(_ context.Context, on bool) error {
	if on {
		return c.do("on", true)
	}
	return c.do("off", false)
}
func (c *chassis) ColdReset(context.Context) error  { return c.do("reset", true) }
func (c *chassis) WarmReset(context.Context) error  { return c.do("shutdown", false) }
func (c *chassis) PowerCycle(context.Context) error { return c.do("cycle", true) }

func (c *chassis) SetBootFlags(_ context.Context, f *types.BootOptionParam_BootFlags) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.lies {
		c.flags = f
	}
	return nil
}

func (c *chassis) GetBootFlags(context.Context) (*types.BootOptionParam_BootFlags, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flags == nil {
		return &types.BootOptionParam_BootFlags{}, nil
	}
	return c.flags, nil
}

// boot is what was set, of which the controller may write another at any time.
func (c *chassis) boot() types.BootOptionParam_BootFlags {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *c.flags
}

func (c *chassis) orders() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string{}, c.told...)
}

// machine is a hal.HAL with that chassis.
type machine struct {
	*mock.HAL
	chassis *chassis
}

func (m machine) Chassis() hal.ChassisHAL { return m.chassis }

const login = "operator s3cret word"

// controller serves a BMC of the library on loopback and returns the target that it controls.
func controller(c *chassis, suites ...types.CipherSuiteID) (power.Target, *bmc.BMC) {
	GinkgoHelper()
	c.Chassis = &mock.Chassis{}
	b := bmc.New(bmc.DeviceInfo{IPMIVersion: 0x20}, [16]byte{1}, machine{mock.New(), c})
	user, err := b.Users.Add(2, "operator")
	Expect(err).NotTo(HaveOccurred())
	user.SetPassword([]byte("s3cret word"))
	user.Enabled = true
	user.ChannelAccess[1] = bmc.UserChannelAccess{MaxPrivilege: bmc.PrivilegeLevelOperator, Enabled: true}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	Expect(err).NotTo(HaveOccurred())
	s := server.NewServer(b, udp.Wrap(conn), server.WithCipherSuites(suites))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Serve(ctx) }()
	DeferCleanup(func() {
		cancel()
		_ = s.Close()
		_ = conn.Close()
		<-ended
	})
	return at(conn.LocalAddr().String(), login), b
}

// at is a target whose controller is at an address, with the login to try there.
func at(address, login string) power.Target {
	file := filepath.Join(GinkgoT().TempDir(), "bmc")
	Expect(os.WriteFile(file, []byte("* "+login+"\n"), 0o600)).To(Succeed())
	return power.Target{Name: "node-1.lab", Short: "node-1", Addr: netip.MustParseAddr("127.0.0.1"),
		Control: config.Control{Address: address, Credentials: file, CipherSuites: []int{17, 3}}}
}

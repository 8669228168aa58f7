package actors

import (
	"cmp"
	"os"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/catalogue"
	"github.com/kadeploy/kadeploy/internal/image"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// job is one accepted request with all that its nodes have in common. It is complete before the first node's actor starts
// and is not changed afterwards, so that tasks read it freely.
type job struct {
	id              string
	request         *message.Submit
	env             *config.Environment    // nil: a reboot
	entry           *catalogue.Environment // of the catalogue; nil: the description came with the request, or is the site's own
	image           *image.Image
	boot            image.BootFiles // of the image, below images
	images          string          // directory of kernels and initrds, on the server
	imagesTFTP      string          // the same as the firmware names it
	imageSize       int64           // bytes, as the file had when the request came
	maxPre, maxPost int64           // bytes of one archive
	head            string          // host:port where the chain's head listens for ranges and late joiners
	rate            int64           // bytes a second of one broadcast; 0: no limit
	uplink          *rate.Limiter   // of all broadcasts of the server
	stall           time.Duration   // silence of a dead link
	reconnect       time.Duration   // how long an agent whose connection broke calls again; 0: not at all
	key             []byte
	breakpoint      *workflow.Breakpoint
	customs         []workflow.Customs // of the user
	tmpFS           string
	interval        time.Duration // between probes
	minNodes        int
	grace           time.Duration
	nodes           map[string]*hostJob
	order           []string // host names as asked
	console         func(node string) []string
	recorded        bool // its events outlive the server: what acts on a machine waits until they are written
	entrance        Entrance

	past    *past  // of an operation that a server before this one has begun; nil: it begins
	resumed int    // how often
	found   string // the environment's name and version, before it is planned again

	named   map[string]string      // files of users: the server's path -> as the description names it
	allowed map[string]os.FileInfo // of those, the server's own: what was there when the request came
	missing []string               // of a dry run: files that would have to be uploaded
	fetched []fetchedFile          // from URLs
}

// hostJob is one node of a job.
type hostJob struct {
	node *config.Node
	plan workflow.Plan
}

// workflowConfig is the job as the workflow's core needs it.
func (j *job) workflowConfig() workflow.Config {
	c := workflow.Config{MinNodes: j.minNodes, Grace: j.grace}
	for _, host := range j.order {
		h := j.nodes[host]
		p := workflow.HostPlan{Host: host, Plan: h.plan, StepRetries: h.node.StepRetries, Reconnect: j.reconnect}
		if j.past != nil {
			p.Past = j.past.nodes[host]
		}
		c.Hosts = append(c.Hosts, p)
	}
	return c
}

// deploys and reboots say what kind of operation it is; one that does neither switches power.
func (j *job) deploys() bool { return j.request.GetOperation() == message.Operation_DEPLOY }

// The instances of a reboot that differ in more than their steps.
const (
	simpleReboot = "Simple"
	deployEnv    = "DeployEnv"
	recordedEnv  = "RecordedEnv"
)

func (j *job) rebootKind() string { return cmp.Or(j.request.GetRebootKind(), simpleReboot) }

func (j *job) reboots() bool { return j.request.GetOperation() == message.Operation_REBOOT }

// evidenceLines is how much of a node's console a failure shows.
const evidenceLines = 8

func (j *job) evidence(node string) string {
	if j.console == nil {
		return ""
	}
	lines := j.console(node)
	return strings.Join(lines[max(0, len(lines)-evidenceLines):], "\n")
}

// target is where an image goes on a node: a tar file into the mounted file system, a dd image onto the partition or the disk.
func (j *job) target(n *config.Node) string {
	switch {
	case j.image.Kind != "dd":
		return n.ExtractionDir
	case j.wholeDevice():
		return n.BlockDevice
	}
	return n.DeployDevice()
}

// variables are what pre-, post-installs and partition scripts find in their environment (Kadeploy3 1.3).
func (j *job) variables(h *hostJob) map[string]string {
	n, env := h.node, j.env
	return map[string]string{
		"KADEPLOY_CLUSTER":                n.Cluster,
		"KADEPLOY_NODE":                   n.Name,
		"KADEPLOY_ENV":                    env.Name,
		"KADEPLOY_BLOCK_DEVICE":           n.BlockDevice,
		"KADEPLOY_DEPLOY_PART":            n.DeployDevice(),
		"KADEPLOY_DEPLOY_PART_NUM":        partNumber(n.DeployPart),
		"KADEPLOY_SWAP_PART_NUM":          partNumber(n.SwapPart),
		"KADEPLOY_PROD_PART_NUM":          partNumber(n.ProdPart),
		"KADEPLOY_TMP_PART_NUM":           partNumber(n.TmpPart),
		"KADEPLOY_ENV_EXTRACTION_DIR":     n.ExtractionDir,
		"KADEPLOY_PREPOST_EXTRACTION_DIR": n.RambinDir,
		"KADEPLOY_TMP_DIR":                n.RambinDir,
		"KADEPLOY_ENV_KERNEL":             env.Kernel,
		"KADEPLOY_ENV_INITRD":             env.Initrd,
		"KADEPLOY_ENV_KERNEL_PARAMS":      env.KernelParams,
		"KADEPLOY_ENV_HYPERVISOR":         env.Hypervisor,
		"KADEPLOY_ENV_HYPERVISOR_PARAMS":  env.HypervisorParams,
		"KADEPLOY_OS_KIND":                env.OS,
		"KADEPLOY_PART_TYPE":              env.PartitionType,
		"KADEPLOY_FS_TYPE":                env.Filesystem,
		"KADEPLOY_FS_TYPE_TMP":            j.tmpFS,
	}
}

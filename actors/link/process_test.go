package link_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"

	"github.com/kadeploy/kadeploy/actors/link"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/pki"
)

const (
	role   = "KADEPLOY_LINK_TEST" // makes the test binary a process with a link: "few" for few connections, "hasty" for little patience
	few    = 3
	api    = "root/api"
	large  = "large"  // the id of what is long to tell
	secret = "s3cret" // sent, and never to be logged
)

// serve is that process: a system like the daemon's, with an api that answers and an actor beside it that none may reach.
// It ends with its standard input.
func serve(what string) {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.NewTextHandler(io.Discard, nil))
	}))
	policy := link.ServerPolicy(api)
	switch what {
	case "few":
		policy.Connections = few
	case "hasty":
		policy.Patience = time.Second
	}
	authority, err := pki.Open(pki.Config{Dir: os.Getenv(authorityDir)})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	port := freePort()
	l, err := link.StartServer(system, link.ServerConfig{
		Address: port, Policy: policy, TLS: authority.ServerTLS(), Calls: authority.ClientTLS, Web: http.HandlerFunc(whoAmI), Log: log,
	})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	received := func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case *message.StatusRequest, *message.Submit:
			answer(ctx, l)
		case *actor.Started:
		default:
			fmt.Printf("%s received %T\n", ctx.Self().Id, ctx.Message())
		}
	}
	for _, name := range []string{api, api + "/session", "root/deployments"} {
		if _, err := system.Root.SpawnNamed(actor.PropsFromFunc(received), name); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	fmt.Printf("listening on %s\n", port)
	obey(l)
	l.Close()
}

// answer tells what the api knows of a request: the headers it came with, and how many the guard has refused.
func answer(ctx actor.Context, l *link.Link) {
	var headers []string
	for _, key := range slices.Sorted(slices.Values(ctx.MessageHeader().Keys())) {
		headers = append(headers, key+"="+ctx.MessageHeader().Get(key))
	}
	if m, ok := ctx.Message().(*message.StatusRequest); ok && m.GetId() == large {
		headers = append(headers, strings.Repeat(large, 1<<18))
	}
	ctx.Respond(&message.Status{
		Version: strings.Join(headers, " "), ConfigDir: fmt.Sprint(l.Refused()), ClientId: ctx.Message().(interface{ GetClientId() string }).GetClientId(),
	})
}

// obey does what the specs tell on standard input, a line each, and returns at its end.
func obey(l *link.Link) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		switch lines.Text() {
		case "expel carol":
			l.Expel(carol)
		case "goroutines":
			fmt.Printf("%d goroutines\n", runtime.NumGoroutine())
		}
	}
}

// whoAmI is what the daemon serves beside messages.
func whoAmI(w http.ResponseWriter, r *http.Request) {
	if len(r.TLS.PeerCertificates) == 0 {
		fmt.Fprintln(w, "nobody")
		return
	}
	id, err := pki.Of(r.TLS.PeerCertificates[0])
	fmt.Fprintln(w, id, err)
}

func freePort() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// process is a running one.
type process struct {
	session *gexec.Session
	stdin   io.Writer
	port    string
}

func startProcess(what string) *process {
	GinkgoHelper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), role+"="+what, authorityDir+"="+site.dir)
	stdin, err := c.StdinPipe()
	Expect(err).NotTo(HaveOccurred())
	s, err := gexec.Start(c, GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		Expect(stdin.Close()).To(Succeed())
		Eventually(s).Should(gexec.Exit(0))
		Expect(string(s.Err.Contents())).NotTo(ContainSubstring(secret))
	})
	Eventually(s.Out).Should(gbytes.Say(`listening on \S+\n`))
	line, _, _ := strings.Cut(string(s.Out.Contents()), "\n")
	return &process{session: s, stdin: stdin, port: strings.TrimPrefix(line, "listening on ")}
}

package actors_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/catalogue"
	"github.com/kadeploy/kadeploy/supervisor/supervisortest"
)

// BenchmarkDeploy1000 deploys an image of 1 MB on a thousand machines whose agents are goroutines of this process, in turn
// without a memory and with a database, so that both see the same weather; the times are medians. Memory is the most that the heap
// and the stacks held, of the server and of all the machines together.
func BenchmarkDeploy1000(b *testing.B) {
	RegisterFailHandler(func(text string, _ ...int) { b.Fatal(text) })
	var without, with []float64
	for i := range b.N {
		for _, memory := range []bool{i%2 == 1, i%2 == 0} {
			took := deployThousand(b, memory)
			if memory {
				with = append(with, took.Seconds())
			} else {
				without = append(without, took.Seconds())
			}
		}
	}
	b.ReportMetric(median(without), "s/without")
	b.ReportMetric(median(with), "s/with")
	b.ReportMetric(100*(median(with)/median(without)-1), "%more")
}

// BenchmarkEnvList asks for a catalogue of a thousand environments with five versions each, as `kadeploy env list` does, of the api of a server.
func BenchmarkEnvList(b *testing.B) {
	RegisterFailHandler(func(text string, _ ...int) { b.Fatal(text) })
	kept := &drawer{}
	for i := range 5000 {
		kept.all = append(kept.all, catalogue.Environment{
			Name: fmt.Sprintf("debian-%d", i/5), Version: i % 5, Owner: fmt.Sprintf("user%d", i/5%50), Visibility: catalogue.Public, Description: "Debian 13 (Trixie) with the tools of the site",
			OS: "linux", Format: "yaml", Text: []byte(strings.Repeat("# a line of the description\n", 40)), Added: time.Unix(1_700_000_000, 0),
			Files: []catalogue.File{{Path: "/srv/images/debian.tar.zst", SHA256: strings.Repeat("5", 64), Size: 1 << 30}},
		})
	}
	s := plannedSite(b.TempDir(), blueprint{nodes: 1, envs: kept})
	s.write()
	s.start()
	c := &client{supervisortest.NewProbe(s.system), s, "bench", "ada"}
	for b.Loop() {
		if m := c.ask(&message.EnvList{ClientId: "list"}).(*message.Envs); len(m.GetEnvironments()) != 1000 {
			b.Fatal(len(m.GetEnvironments()))
		}
	}
	c.Stop(s.system)
	s.close()
}

func median(of []float64) float64 {
	slices.Sort(of)
	return (of[(len(of)-1)/2] + of[len(of)/2]) / 2
}

// deployThousand is one deployment, and how long it took from the request to its end.
func deployThousand(b *testing.B, memory bool) time.Duration {
	const nodes = 1000
	s := plannedSite(b.TempDir(), blueprint{
		nodes:   nodes,
		memory:  memory,
		global:  map[string]string{"reboot_window": "200", "broadcast_grace": "60"},
		cluster: map[string]string{"timeout_reboot": "60"},
		macros:  []string{"SetDeploymentEnv|SetDeploymentEnvUntrusted:2:120", "BroadcastEnv|BroadcastEnvChain:2:120", "BootNewEnv|BootNewEnvClassical:1:120"},
	})
	s.write()
	s.start()
	c := &client{supervisortest.NewProbe(s.system), s, "bench", "ada"}
	r := &message.Submit{ClientId: "bench", Nodes: s.names(), Environment: []byte(description("image.tar|tar")), EnvironmentPath: s.path("image.env")}
	runtime.GC()
	most, stop := watchMemory()

	start := time.Now()
	o := &operation{client: c, id: c.ask(r).(*message.Accepted).GetId()}
	c.send(&message.Subscribe{Id: o.id, Credit: 1000, ClientId: c.id})
	o.end()
	took := time.Since(start)
	stop()

	b.ReportMetric(float64(most.Load())/1000/nodes, "kB/node")
	b.ReportMetric(float64(len(o.events))/nodes, "events/node")
	if o.ended.GetOutcome() != message.Outcome_ALL_OK {
		b.Fatal(o.ended.GetOutcome(), o.ended.GetText(), o.ended.GetNodes()[0])
	}
	c.Stop(s.system)
	s.close()
	return took
}

// watchMemory keeps the most bytes in use since now.
func watchMemory() (most *atomic.Uint64, stop func()) {
	most = &atomic.Uint64{}
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most.Store(max(most.Load(), m.HeapInuse+m.StackInuse))
			case <-done:
				return
			}
		}
	}()
	return most, func() {
		close(done)
		<-stopped
	}
}

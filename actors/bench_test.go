package actors_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/supervisor/supervisortest"
)

// BenchmarkDeploy1000 deploys an image of 1 MB on a thousand machines whose agents are goroutines of this process. Memory is
// the most that the heap and the stacks held, of the server and of all the machines together.
func BenchmarkDeploy1000(b *testing.B) {
	b.Run("without a memory", func(b *testing.B) { deployThousand(b, false) })
	b.Run("with a database", func(b *testing.B) { deployThousand(b, true) })
}

func deployThousand(b *testing.B, memory bool) {
	const nodes = 1000
	RegisterFailHandler(func(text string, _ ...int) { b.Fatal(text) })
	for range b.N {
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

		b.ReportMetric(took.Seconds(), "s/deployment")
		b.ReportMetric(float64(most.Load())/1000/nodes, "kB/node")
		b.ReportMetric(float64(len(o.events))/nodes, "events/node")
		if o.ended.GetOutcome() != message.Outcome_ALL_OK {
			b.Fatal(o.ended.GetOutcome(), o.ended.GetText(), o.ended.GetNodes()[0])
		}
		c.Stop(s.system)
		s.close()
	}
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

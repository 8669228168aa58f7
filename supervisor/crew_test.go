package supervisor_test

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/supervisor"
)

// boss owns a crew; a function sent to it runs on its goroutine.
type boss struct {
	crew *supervisor.Crew
	w    *world
}

// enough is the standing of a crew that has succeeded with so many ok.
func enough(ok *int, of int) func() supervisor.Standing {
	return func() supervisor.Standing {
		if *ok >= of {
			return supervisor.Succeed
		}
		return supervisor.Continue
	}
}

func (b *boss) Receive(ctx actor.Context) {
	if b.crew.Receive(ctx) {
		return
	}
	switch msg := ctx.Message().(type) {
	case func(actor.Context, *supervisor.Crew):
		msg(ctx, b.crew)
	case *actor.Stopping, *actor.Terminated:
		b.w.note("boss sees %T", msg)
	}
}

func (b *boss) HandleFailure(system *actor.ActorSystem, sup actor.Supervisor, pid *actor.PID, rs *actor.RestartStatistics, reason, msg any) {
	b.crew.HandleFailure(system, sup, pid, rs, reason, msg)
}

// rules is a policy made of two functions.
type rules struct {
	failed   func(supervisor.Failure) supervisor.Verdict
	standing func() supervisor.Standing
}

func (r *rules) Failed(f supervisor.Failure) supervisor.Verdict { return r.failed(f) }
func (r *rules) Standing() supervisor.Standing                  { return r.standing() }

var _ = Describe("A crew", func() {
	var (
		policy *rules
		cfg    supervisor.CrewConfig
	)
	BeforeEach(func() {
		policy = &rules{
			failed:   func(supervisor.Failure) supervisor.Verdict { return supervisor.Verdict{} },
			standing: func() supervisor.Standing { return supervisor.Continue },
		}
	})

	// employ runs body with an actor "boss" that owns a crew; do calls a function on its goroutine and waits.
	type do func(func(ctx actor.Context, c *supervisor.Crew))
	employ := func(body func(w *world, do do)) {
		bubble(func(w *world) {
			cfg = supervisor.CrewConfig{Name: "crew", Policy: policy, Log: w.log,
				OnEnded: func(_ actor.Context, e supervisor.End) {
					line := fmt.Sprintf("%s%d %v", e.ID, e.Incarnation, e.How)
					if e.Reason != nil {
						line += fmt.Sprintf(": %v", e.Reason)
					}
					if e.Abandoned {
						line += ", abandoned"
					}
					w.note("%s", line)
				},
				OnEmpty: func(actor.Context) { w.note("empty") },
			}
			pid := w.spawn("boss", &boss{supervisor.NewCrew(cfg), w})
			body(w, func(f func(actor.Context, *supervisor.Crew)) { w.tell("boss", f); w.pass(0) })
			w.system.Root.Stop(pid)
		})
	}
	hire := func(specs ...supervisor.Spec) func(actor.Context, *supervisor.Crew) {
		return func(ctx actor.Context, c *supervisor.Crew) {
			for _, s := range specs {
				if _, err := c.Start(ctx, s.ID, s.New); err != nil {
					panic(err)
				}
			}
		}
	}
	retryAfter := func(d time.Duration, tries int) func(supervisor.Failure) supervisor.Verdict {
		return func(f supervisor.Failure) supervisor.Verdict {
			return supervisor.Verdict{Again: f.Incarnation < tries, Delay: d}
		}
	}

	It("reports the end of each member and when none is left", func() {
		employ(func(w *world, do do) {
			do(hire(w.spec("a")))
			do(hire(w.spec("b")))
			do(func(_ actor.Context, c *supervisor.Crew) {
				w.note("%d alive, a%d, %s", c.Alive(), c.Incarnation("a"), c.PID("a").Id)
			})
			w.tell("boss/a", finish{})
			Expect(w.journal()).To(Equal([]string{"a1 starts", "b1 starts", "2 alive, a1, boss/a", "a1 stopped", "a1 finished"}))
			w.tell("boss/b", crash{planned("no disk")})
			Expect(w.journal()).To(Equal([]string{"b1 stopped", "b1 failed: no disk", "empty"}))
			do(func(_ actor.Context, c *supervisor.Crew) {
				w.note("%d alive, a%d, %v", c.Alive(), c.Incarnation("a"), c.PID("a"))
			})
			Expect(w.journal()).To(Equal([]string{"0 alive, a0, <nil>"}))
			do(hire(w.spec("a")))
			w.tell("boss/a", finish{})
			Expect(w.journal()).To(Equal([]string{"a1 starts", "a1 stopped", "a1 finished", "empty"}), "a name is free again")
		})
	})

	Context("when a member fails", func() {
		It("asks the policy at once and tries again after the delay, as the next incarnation", func() {
			policy.failed = retryAfter(10*time.Second, 3)
			employ(func(w *world, do do) {
				do(hire(w.spec("a")))
				w.tell("boss/a", crash{planned("one")})
				w.pass(9 * time.Second)
				Expect(w.journal()).To(Equal([]string{"a1 starts", "a1 stopped"}))
				do(func(_ actor.Context, c *supervisor.Crew) { w.note("%d alive, %v", c.Alive(), c.PID("a")) })
				w.pass(time.Second)
				Expect(w.journal()).To(Equal([]string{"1 alive, <nil>", "a2 starts"}))

				w.tell("boss/a", crash{planned("two")})
				w.pass(10 * time.Second)
				w.tell("boss/a", crash{planned("three")})
				Expect(w.journal()).To(Equal([]string{"a2 stopped", "a3 starts", "a3 stopped", "a3 failed: three", "empty"}))
			})
		})

		It("tries again at once without a delay", func() {
			policy.failed = retryAfter(0, 2)
			employ(func(w *world, do do) {
				do(hire(w.spec("a")))
				w.tell("boss/a", crash{planned("one")})
				Expect(w.journal()).To(Equal([]string{"a1 starts", "a1 stopped", "a2 starts"}))
			})
		})

		DescribeTable("tells the policy why",
			func(change func(*service), order any, reason any, bug bool) {
				var seen supervisor.Failure
				policy.failed = func(f supervisor.Failure) supervisor.Verdict { seen = f; return supervisor.Verdict{} }
				employ(func(w *world, do do) {
					do(hire(w.spec("a", change)))
					if order != nil {
						w.tell("boss/a", order)
					}
					w.pass(0)
					Expect(seen.ID).To(Equal("a"))
					Expect(seen.Incarnation).To(Equal(1))
					Expect(seen.Reason).To(Equal(reason))
					if bug {
						Expect(string(seen.Stack)).To(ContainSubstring("suite_test.go"))
					} else {
						Expect(seen.Stack).To(BeNil())
					}
				})
			},
			Entry("planned", func(*service) {}, crash{planned("p")}, planned("p"), false),
			Entry("a bug", func(*service) {}, crash{"index out of range"}, "index out of range", true),
			Entry("vanished", func(*service) {}, vanish{}, supervisor.ErrVanished, false),
			Entry("cannot start", starting(func(ctx actor.Context, _ int) { supervisor.StartFailed(ctx, errPort) }), nil, errPort, false),
		)

		It("does not take a word of its last incarnation for one of the next", func() {
			policy.failed = retryAfter(0, 2)
			employ(func(w *world, do do) {
				do(hire(w.spec("a")))
				w.tell("boss", func(actor.Context, *supervisor.Crew) { <-time.After(time.Second) })
				w.pass(0)
				w.tell("boss/a", command(func(ctx actor.Context) { // the failure overtakes the word in the boss's mailbox
					supervisor.Done(ctx)
					panic(planned("after all"))
				}))
				w.pass(time.Second)
				Expect(w.journal()).To(Equal([]string{"a1 starts", "a1 stopped", "a2 starts"}))
			})
		})
	})

	Context("when a member is ready", func() {
		It("tells its owner", func() {
			employ(func(w *world, do do) {
				var got string
				cfg.OnReady = func(_ actor.Context, id string, pid *actor.PID) { got = id + " is " + pid.Id }
				pid := w.spawn("other", &boss{supervisor.NewCrew(cfg), w})
				w.tell("other", hire(w.spec("a")))
				w.pass(0)
				Expect(got).To(Equal("a is other/a"))
				w.system.Root.Stop(pid)
			})
		})
	})

	Context("when a member is stopped by its owner", func() {
		It("never starts it again, whatever the policy says", func() {
			policy.failed = retryAfter(time.Second, 99)
			employ(func(w *world, do do) {
				do(hire(w.spec("running"), w.spec("waiting")))
				w.tell("boss/waiting", crash{planned("oops")})
				w.journal()
				do(func(ctx actor.Context, c *supervisor.Crew) {
					w.note("%v %v %v", c.Stop(ctx, "waiting"), c.Stop(ctx, "running"), c.Stop(ctx, "nobody"))
				})
				w.pass(time.Hour)
				Expect(w.journal()).To(ConsistOf("waiting1 stopped", "true true false", "running1 stopped", "running1 stopped", "empty"))
			})
		})

		It("never starts it again when it fails on its last message (S4)", func() {
			policy.failed = retryAfter(0, 99)
			employ(func(w *world, do do) {
				do(hire(w.spec("a")))
				w.tell("boss/a", command(func(actor.Context) { <-time.After(time.Second); panic(planned("too late")) }))
				w.pass(0)
				do(func(ctx actor.Context, c *supervisor.Crew) { c.Stop(ctx, "a") })
				w.pass(time.Minute)
				Expect(w.journal()).To(Equal([]string{"a1 starts", "a1 stopped", "a1 stopped", "empty"}))
			})
		})

		It("keeps the end that the member already has", func() {
			employ(func(w *world, do do) {
				do(hire(w.spec("a", stopping(func(actor.Context) { <-time.After(time.Second) }))))
				w.tell("boss/a", finish{})
				w.pass(0)
				do(func(ctx actor.Context, c *supervisor.Crew) { c.Stop(ctx, "a") })
				w.pass(time.Second)
				Expect(w.journal()).To(Equal([]string{"a1 starts", "a1 stopped", "a1 finished", "empty"}))
			})
		})

		It("does not try again one that was on its way to a next try", func() {
			policy.failed = retryAfter(0, 9)
			employ(func(w *world, do do) {
				do(hire(w.spec("a", stopping(func(actor.Context) { <-time.After(time.Second) }))))
				w.tell("boss/a", crash{planned("oops")})
				w.pass(0)
				do(func(ctx actor.Context, c *supervisor.Crew) { c.Stop(ctx, "a") })
				w.pass(time.Second)
				Expect(w.journal()).To(Equal([]string{"a1 starts", "a1 stopped", "a1 stopped", "empty"}))
			})
		})
	})

	Context("when the policy finds that it stands", func() {
		It("cuts the rest: those that run and those that wait, but not those that ended", func() {
			policy.failed = retryAfter(time.Minute, 99)
			ok := 0
			policy.standing = enough(&ok, 2)
			employ(func(w *world, do do) {
				finished := cfg.OnEnded
				cfg.OnEnded = func(ctx actor.Context, e supervisor.End) {
					if e.How == supervisor.Finished {
						ok++
					}
					finished(ctx, e)
				}
				pid := w.spawn("deploy", &boss{supervisor.NewCrew(cfg), w})
				w.tell("deploy", hire(w.spec("a"), w.spec("b"), w.spec("c"), w.spec("d")))
				w.pass(0)
				w.tell("deploy/d", crash{planned("flaky")})
				w.pass(0)
				w.tell("deploy/a", finish{})
				w.journal()
				w.tell("deploy/b", finish{})
				Expect(w.journal()).To(Equal([]string{"b1 stopped", "b1 finished", "d1 cut", "c1 stopped", "c1 cut", "empty"}))

				By("starting nobody any more")
				w.pass(time.Hour)
				w.tell("deploy", func(ctx actor.Context, c *supervisor.Crew) {
					_, err := c.Start(ctx, "e", w.spec("e").New)
					w.note("%v", err)
				})
				Expect(w.journal()).To(Equal([]string{"crew: start e: the supervisor is stopping"}))
				w.system.Root.Stop(pid)
			})
		})
	})

	Context("when a member does not stop in time", func() {
		It("abandons it, says so, and never gives its name away", func() {
			policy.failed = retryAfter(0, 9)
			employ(func(w *world, do do) {
				do(hire(w.spec("a")))
				until := make(chan struct{})
				w.tell("boss/a", hang{until})
				w.pass(0)
				do(func(ctx actor.Context, c *supervisor.Crew) { c.CutRest(ctx) })
				w.pass(5 * time.Second)
				Expect(w.journal()).To(Equal([]string{"a1 starts", "a1 cut, abandoned", "empty"}))
				close(until)
				Expect(w.journal()).To(Equal([]string{"a1 stopped", "boss sees *actor.Terminated"}))
			})
			employ(func(w *world, do do) {
				do(hire(w.spec("a")))
				until := make(chan struct{})
				w.tell("boss/a", hang{until})
				w.pass(0)
				do(func(ctx actor.Context, c *supervisor.Crew) { c.Stop(ctx, "a") })
				w.pass(5 * time.Second)
				do(func(ctx actor.Context, c *supervisor.Crew) {
					_, err := c.Start(ctx, "a", w.spec("a").New)
					w.note("%v", err)
				})
				Expect(w.journal()).To(ContainElement("crew: start a: a child of that name exists"))
				close(until)
			})
		})
	})

	Context("when a member that failed does not stop in time", func() {
		It("does not try it again", func() {
			policy.failed = retryAfter(0, 9)
			employ(func(w *world, do do) {
				do(hire(w.spec("a", stopping(func(actor.Context) { <-time.After(time.Hour) }))))
				w.tell("boss/a", crash{planned("oops")})
				w.pass(time.Minute)
				Expect(w.journal()).To(Equal([]string{"a1 starts", "a1 failed: oops, abandoned", "empty"}))
			})
		})
	})

	Context("when a member says that it is done after it was told to stop", func() {
		It("is not believed", func() {
			employ(func(w *world, do do) {
				do(hire(w.spec("a", stopping(func(actor.Context) { <-time.After(2 * time.Second) }))))
				w.tell("boss", func(ctx actor.Context, c *supervisor.Crew) {
					<-time.After(time.Second)
					c.Stop(ctx, "a")
				})
				w.pass(0)
				w.tell("boss/a", finish{}) // waits in the boss's mailbox
				w.pass(time.Minute)
				Expect(w.journal()).To(Equal([]string{"a1 starts", "a1 stopped", "a1 stopped", "empty"}))
			})
		})
	})

	Context("when its owner stops", func() {
		It("starts nobody new either", func() {
			bubble(func(w *world) {
				var crew *supervisor.Crew
				asked := 0
				policy.standing = func() supervisor.Standing { asked++; return supervisor.Continue }
				crew = supervisor.NewCrew(supervisor.CrewConfig{Name: "crew", Policy: policy, Log: w.log,
					OnEnded: func(ctx actor.Context, e supervisor.End) {
						_, err := crew.Start(ctx, "b", w.spec("b").New)
						w.note("%v", err)
					}})
				pid := w.spawn("boss", &boss{crew, w})
				w.tell("boss", hire(w.spec("a")))
				w.journal()
				w.system.Root.Stop(pid)
				Expect(w.journal()).To(ConsistOf("boss sees *actor.Stopping", "a1 stopped", "crew: start b: the supervisor is stopping"))
				Expect(asked).To(BeZero(), "how it stands is of no interest any more")
			})
		})

		It("starts nobody again and abandons who hangs, so that the owner ends", func() {
			policy.failed = retryAfter(time.Second, 99)
			bubble(func(w *world) {
				ended := 0
				pid := w.spawn("boss", &boss{supervisor.NewCrew(supervisor.CrewConfig{Policy: policy, Log: w.log,
					OnEnded: func(actor.Context, supervisor.End) { ended++ }}), w})
				until := make(chan struct{})
				w.tell("boss", hire(w.spec("runs"), w.spec("waits"), w.spec("hangs"), w.spec("leaves", stopping(func(actor.Context) { panic("on the way out") }))))
				w.pass(0)
				w.tell("boss/waits", crash{planned("oops")})
				w.tell("boss/hangs", hang{until})
				w.journal()
				w.system.Root.Stop(pid)
				w.pass(time.Minute)
				Expect(w.journal()).To(ConsistOf("boss sees *actor.Stopping", "leaves1 stopped", "runs1 stopped"))
				Expect(ended).To(Equal(4))
				_, there := w.system.ProcessRegistry.GetLocal("boss")
				Expect(there).To(BeFalse())
				close(until)
			})
		})
	})

	It("stops children of its owner that are no members when they fail", func() {
		employ(func(w *world, do do) {
			do(func(ctx actor.Context, c *supervisor.Crew) {
				s := w.spec("stranger")
				_, _ = ctx.SpawnNamed(supervisor.Props(func() actor.Actor { return s.New(1) }), "stranger")
			})
			w.tell("boss/stranger", crash{"oops"})
			Expect(w.journal()).To(ConsistOf("stranger1 starts", "stranger1 stopped", "boss sees *actor.Terminated"))
		})
	})

	It("refuses a second member of a name", func() {
		employ(func(w *world, do do) {
			do(hire(w.spec("a")))
			do(func(ctx actor.Context, c *supervisor.Crew) {
				_, err := c.Start(ctx, "a", func(int) actor.Actor { panic("S18: not even constructed") })
				w.note("%v", err)
			})
			Expect(w.journal()).To(Equal([]string{"a1 starts", "crew: start a: a child of that name exists"}))
		})
	})

	It("reports a name that its owner gave to another child", func() {
		employ(func(w *world, do do) {
			do(func(ctx actor.Context, c *supervisor.Crew) {
				_, _ = ctx.SpawnNamed(supervisor.Props(func() actor.Actor { return w.spec("a").New(1) }), "a")
				_, err := c.Start(ctx, "a", w.spec("a").New)
				w.note("%v", err)
			})
			Expect(w.journal()).To(ContainElement("crew: start a: spawn: name exists"))
		})
	})

	It("needs a policy", func() {
		Expect(func() { supervisor.NewCrew(supervisor.CrewConfig{}) }).To(Panic())
	})
})

var _ = Describe("The names of kinds, ends and standings", func() {
	It("are words", func() {
		Expect(fmt.Sprint(supervisor.Finished, supervisor.Failed, supervisor.Stopped, supervisor.Cut, supervisor.How(9))).To(Equal("finished failed stopped cut unknown"))
		Expect(fmt.Sprint(supervisor.Continue, supervisor.Succeed, supervisor.Fail, supervisor.Standing(9))).To(Equal("continue succeed fail unknown"))
		Expect(fmt.Sprint(supervisor.ChildStarted, supervisor.PanicIgnored, supervisor.Kind(99))).To(Equal("started panic while stopping unknown"))
	})
})

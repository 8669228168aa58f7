package lab

// Processor is QEMU's command line for the processor of a machine, which needs no KVM.
//
// Such a machine has one, and room for another. QEMU before 8.1 leaves the memory barriers out of what it translates for a machine that
// can have one processor only, though its devices run beside it. Then a disk may not see the guest's next command while the guest does not
// see that the disk has stopped looking: an NVMe disk stands still until the guest's patience of 30 s ends, and its array loses it.
func Processor() []string {
	return []string{"-accel", "tcg,thread=multi,tb-size=64", "-cpu", "max", "-smp", "1,maxcpus=2"}
}

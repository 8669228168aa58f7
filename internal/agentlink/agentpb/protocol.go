package agentpb

// Protocol is the version that EnrolRequest and Hello carry. Adding a field keeps it; changing what one means raises it.
const Protocol = 2

// The sizes both sides keep to.
const (
	MaxOrder  = 4 << 20  // bytes of one message to an agent; partition scripts and keys travel in them
	MaxReport = 64 << 10 // bytes of one message from an agent
	MaxTail   = 4 << 10  // bytes of Result.log_tail
	FetchSize = 64 << 10 // bytes of one FetchChunk
)

package depot

// DirOf is a depot's directory.
func DirOf(d *Depot) string { return d.cfg.Dir }

var (
	OwnerName   = ownerName
	IsOwnerName = isOwnerName
)

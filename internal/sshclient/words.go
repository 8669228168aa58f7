package sshclient

// Words keeps the beginning of what a command says: a node may say as much as it likes.
type Words struct {
	Limit int // bytes kept

	kept []byte
	more bool
}

func (w *Words) Write(p []byte) (int, error) {
	room := w.Limit - len(w.kept)
	w.more = w.more || len(p) > room
	w.kept = append(w.kept, p[:min(len(p), room)]...)
	return len(p), nil
}

// Bytes are those that were kept.
func (w *Words) Bytes() []byte { return w.kept }

// Cut says whether there were more.
func (w *Words) Cut() bool { return w.more }

package filecache

import (
	"crypto/rand"
	"io"
)

// limited passes on what fits. The rest is refused, and remembered as over.
type limited struct {
	w          io.Writer
	size, left int64
	over       bool
}

func (l *limited) Write(p []byte) (int, error) {
	if int64(len(p)) > l.left {
		l.over = true
		return 0, io.ErrShortWrite
	}
	n, err := l.w.Write(p)
	l.size += int64(n)
	l.left -= int64(n)
	return n, err
}

// rest makes the name of an unfinished file its writer's own.
func rest() string { return rand.Text()[:8] }

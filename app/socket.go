package app

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
)

// maxSocketPath is what every system takes as the path of a unix socket, in bytes.
const maxSocketPath = 100

// SocketPath is where the bridge that uses a data folder listens for the
// command line: in the folder, or under a name made from it in the temporary
// folder when the path is too long for a socket.
func SocketPath(data string) string {
	if abs, err := filepath.Abs(data); err == nil {
		data = abs
	}
	path := filepath.Join(data, "printwire.sock")
	if len(path) <= maxSocketPath {
		return path
	}
	sum := sha256.Sum256([]byte(data))
	return filepath.Join(os.TempDir(), "printwire-"+hex.EncodeToString(sum[:8])+".sock")
}

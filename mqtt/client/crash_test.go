package client_test

import (
	"fmt"
	"os"
	"runtime/debug"
)

var _ = func() int {
	f, _ := os.Create(fmt.Sprintf("/tmp/crash.%d", os.Getpid()))
	_ = debug.SetCrashOutput(f, debug.CrashOptions{})
	return 0
}()

package portforward

import (
	"errors"

	"golang.org/x/sys/windows"
)

// addressInUse also recognizes the error for a port that another process has
// exclusively, or that Windows reserves for Hyper-V.
func addressInUse(err error) bool {
	return errors.Is(err, windows.WSAEADDRINUSE) || errors.Is(err, windows.WSAEACCES)
}

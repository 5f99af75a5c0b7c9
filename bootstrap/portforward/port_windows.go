package portforward

import (
	"errors"

	"golang.org/x/sys/windows"
)

// addressInUse also knows the answer for a port that another process has for
// itself, or that Windows keeps for Hyper-V.
func addressInUse(err error) bool {
	return errors.Is(err, windows.WSAEADDRINUSE) || errors.Is(err, windows.WSAEACCES)
}

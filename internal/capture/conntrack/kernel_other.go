//go:build !linux

package conntrack

import "errors"

func openKernel() (kernel, error) {
	return nil, errors.New("this system is not Linux")
}

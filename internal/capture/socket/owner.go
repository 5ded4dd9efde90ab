package socket

import "sync"

// ownerIn returns who says to which pod a socket of the namespace belongs. In a pod's namespace that is the pod, or an
// unknown one; in the node's namespace it is found by the open files of the pods' processes, or not at all.
func (l *look) ownerIn(space *space) func(inode uint64) (pod string, known bool) {
	if space.host {
		owners := sync.OnceValue(func() map[uint64]string { return l.owners(space) })
		return func(inode uint64) (string, bool) {
			pod, known := owners()[inode]
			return pod, known
		}
	}
	pod := sync.OnceValue(func() string { return l.podOf(space) })
	return func(uint64) (string, bool) { return pod(), true }
}

// podOf returns the UID of the pod whose namespace it is; empty when its processes belong to none.
func (l *look) podOf(space *space) string {
	for _, process := range space.processes[:min(len(space.processes), mostAsked)] {
		if pod := l.proc.pod(process, l.buffer); pod != "" {
			return pod
		}
	}
	return ""
}

const (
	mostAsked  = 16      // processes of one namespace that are asked for their pod; all of them belong to the same
	mostOwners = 1 << 18 // sockets of host-network pods
)

// owners maps the sockets of host-network pods to the pods' UIDs.
func (l *look) owners(space *space) map[uint64]string {
	owners := make(map[uint64]string)
	space.memory.refused = ""
	for _, process := range space.processes {
		pod := l.proc.pod(process, l.buffer)
		if pod == "" {
			continue
		}
		err := l.proc.sockets(process, l.buffer, func(inode uint64) {
			if len(owners) < mostOwners {
				owners[inode] = pod
			} else {
				l.counted[oversize].Add(1)
			}
		})
		if refused(err) {
			space.memory.refused = cause(err).Error()
		}
	}
	return owners
}

package socket

import "bytes"

// PodUID returns the UID of the pod that a process belongs to, from its control groups as /proc/<pid>/cgroup lists them;
// empty when it belongs to none. The UID has '-' where the driver systemd writes '_'. That of a static pod is the hash of
// its file, 32 digits without '-'.
//
//	kubelet's driver   component of the path
//	cgroupfs           pod0d5f6c1e-8a57-4f0e-9a7c-1f2f6f2b9b11
//	systemd            kubepods-burstable-pod0d5f6c1e_8a57_4f0e_9a7c_1f2f6f2b9b11.slice
//	systemd, v1        kubepods-burstable-pod0d5f6c1e_8a57_4f0e_9a7c_1f2f6f2b9b11.slice:cri-containerd:8f3c…
//
// Whatever else is in the path does not matter: it may be absolute, or begin with "/../.." when the reader has a control
// group namespace of its own, and the container's part differs between containerd, CRI-O and Docker. Of several pods on
// one path the outermost counts: a pod may hold a node with pods of another cluster.
func PodUID(cgroups []byte) string {
	for line := range bytes.Lines(cgroups) {
		_, controllers, _ := bytes.Cut(line, []byte(":"))
		_, path, _ := bytes.Cut(controllers, []byte(":"))
		for component := range bytes.SplitSeq(bytes.TrimRight(path, "\n"), []byte("/")) {
			if uid := podOf(component); uid != "" {
				return uid
			}
		}
	}
	return ""
}

// podOf returns the UID that one component of a path names.
func podOf(component []byte) string {
	component, _, _ = bytes.Cut(component, []byte(":"))
	component, _ = bytes.CutSuffix(component, []byte(".slice"))
	at := bytes.LastIndex(component, []byte("pod"))
	if at < 0 || at > 0 && component[at-1] != '-' {
		return ""
	}
	return uidOf(component[at+len("pod"):])
}

const (
	uidLength  = 36 // 8-4-4-4-12
	hashLength = 32 // of a static pod's file
)

func uidOf(text []byte) string {
	if len(text) != uidLength && len(text) != hashLength {
		return ""
	}
	for i, c := range text {
		if separates := len(text) == uidLength && (i == 8 || i == 13 || i == 18 || i == 23); !fits(c, separates) {
			return ""
		}
	}
	return string(bytes.ReplaceAll(text, []byte("_"), []byte("-")))
}

func fits(c byte, separates bool) bool {
	if separates {
		return c == '-' || c == '_'
	}
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f'
}

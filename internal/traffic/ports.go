package traffic

import (
	"fmt"
	"slices"
)

// MaxPorts bounds the ports of the client that a folded sighting carries. With so many there may be more.
const MaxPorts = 256

// AddPort returns sorted ports with one more. Of 0, of what is there, and of what is beyond MaxPorts nothing is added.
func AddPort(ports []uint16, port uint16) []uint16 {
	at, known := slices.BinarySearch(ports, port)
	if port == 0 || known || len(ports) >= MaxPorts {
		return ports
	}
	return slices.Insert(ports, at, port)
}

// CheckPorts reports why these are not the ports of the clients of a sighting: sorted, each once and none 0, at most MaxPorts.
func CheckPorts(ports []uint16) error {
	if len(ports) > MaxPorts {
		return fmt.Errorf("has %d ports, over %d", len(ports), MaxPorts)
	}
	for i, port := range ports {
		if port == 0 || i > 0 && ports[i-1] >= port {
			return fmt.Errorf("%d is out of order; want ports from 1 on, sorted, each once", port)
		}
	}
	return nil
}

// ClientPorts returns the ports of the client in a sighting, folded or not.
func (s *Sighting) ClientPorts() []uint16 { return AddPort(s.Ports, s.From.Port) }

// addPorts takes the ports of a sighting.
func (t *tally) addPorts(s *Sighting) {
	if s.What.Act != Connect {
		return
	}
	t.ports = AddPort(t.ports, s.From.Port)
	for _, port := range s.Ports {
		t.ports = AddPort(t.ports, port)
	}
}

package traffic

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// What one sighting may hold. The operator has the same bounds at its door.
const (
	maxAliases = 8
	maxTTL     = (1<<31 - 1) * time.Second // RFC 2181 section 8
	maxName    = 253                       // octets of a DNS name in text form, RFC 1035 section 2.3.4
	maxLabel   = 63
	maxUID     = 128
	maxShown   = 64 // bytes of a bad value that a message repeats
)

// Sources returns every source that a sighting may have, in the order in which documents list them.
func Sources() []Source { return []Source{DNS, SYN, Socket, Flow, Kafka, Envoy, Spans, Offline} }

func (s Source) known() bool { return slices.Contains(Sources(), s) }

func sourceNames() string {
	var names []string
	for _, s := range Sources() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

func (p Protocol) known() bool { return p == TCP || p == UDP || p == SCTP }

// checkParty reports what is wrong with a party. Its errors are to be put behind the party's name.
func checkParty(p *Party) error {
	if (*p == Party{Port: p.Port}) {
		return errors.New(": nothing is known of this party; want an address, a name, a pod or a workload")
	}
	if p.Name != "" {
		if err := CheckName(p.Name); err != nil {
			return fmt.Errorf(".name: %w", err)
		}
	}
	w := p.Workload
	if !w.IsZero() && (w.Namespace == "" || w.Name == "") {
		return errors.New(".workload: wants a namespace and a name")
	}
	for _, part := range []struct {
		field, text string
		most        int
	}{
		{"podUID", p.PodUID, maxUID},
		{"pod", p.Pod, maxName},
		{"workload.namespace", w.Namespace, maxLabel},
		{"workload.kind", w.Kind, maxLabel},
		{"workload.name", w.Name, maxName},
	} {
		if err := CheckText(part.text, part.most); err != nil {
			return fmt.Errorf(".%s: %w", part.field, err)
		}
	}
	return nil
}

// CheckName reports why name is not a DNS name in the form that sightings carry: labels of 1 to 63 of the bytes a-z,
// 0-9, '-' and '_', joined by dots, 253 bytes at most, no final dot.
func CheckName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("has %d bytes, over %d", len(name), maxName)
	}
	label := 0
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '.' && label == 0:
			return fmt.Errorf("%s has an empty label", shown(name))
		case c == '.':
			label = 0
		case !nameByte(c):
			return fmt.Errorf("%s has a byte other than a-z, 0-9, '-', '_' and '.'", shown(name))
		case label == maxLabel:
			return fmt.Errorf("%s has a label over %d bytes", shown(name), maxLabel)
		default:
			label++
		}
	}
	if label == 0 {
		return fmt.Errorf("%s is empty or ends with a dot", shown(name))
	}
	return nil
}

func nameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// CheckText reports why text is not a name of the Kubernetes API in the widest sense: printable ASCII without blank and
// without '/', at most most bytes. Empty text is fine.
func CheckText(text string, most int) error {
	if len(text) > most {
		return fmt.Errorf("has %d bytes, over %d", len(text), most)
	}
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c > '~' || c == '/' {
			return fmt.Errorf("%s has a blank, a '/', or a byte that is not printable ASCII", shown(text))
		}
	}
	return nil
}

// shown quotes the beginning of a value, so that a message stays short and on one line.
func shown(value string) string {
	if len(value) > maxShown {
		value = value[:maxShown]
	}
	return fmt.Sprintf("%+q", value)
}

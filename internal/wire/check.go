package wire

import (
	"errors"
	"fmt"

	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire/wirepb"
)

// What one sighting may hold.
const (
	maxPort       = 65535
	maxAliases    = 8
	maxTTLSeconds = 1<<31 - 1 // RFC 2181 section 8
	maxCount      = 1 << 40   // 10,000 of these a batch do not overflow a sum of 64 bits in a year
	maxName       = 253       // octets of a DNS name in text form, RFC 1035 section 2.3.4
	maxLabel      = 63
	maxKind       = 63
	maxUID        = 128
	maxShown      = 64 // bytes of a bad value that a message repeats
)

// checkClaims checks the texts of a party. Its errors are to be put behind the party's name.
func checkClaims(p *traffic.Party) error {
	if p.Name != "" {
		if err := checkName(p.Name); err != nil {
			return fmt.Errorf(".name: %w", err)
		}
	}
	if err := checkText(p.PodUID, maxUID); err != nil {
		return fmt.Errorf(".pod_uid: %w", err)
	}
	if err := checkText(p.Pod, maxName); err != nil {
		return fmt.Errorf(".pod: %w", err)
	}
	return checkWorkload(p)
}

func checkWorkload(p *traffic.Party) error {
	w := p.Workload
	if w.IsZero() {
		return nil
	}
	if w.Namespace == "" || w.Name == "" {
		return errors.New(".workload: wants a namespace and a name")
	}
	if err := checkText(w.Namespace, maxLabel); err != nil {
		return fmt.Errorf(".workload.namespace: %w", err)
	}
	if err := checkText(w.Kind, maxKind); err != nil {
		return fmt.Errorf(".workload.kind: %w", err)
	}
	if err := checkText(w.Name, maxName); err != nil {
		return fmt.Errorf(".workload.name: %w", err)
	}
	return nil
}

// checkName reports why name is not a DNS name in the form that sightings carry: labels of 1 to 63 of the bytes a-z,
// 0-9, '-' and '_', joined by dots, 253 bytes at most, no final dot.
func checkName(name string) error {
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

// checkText reports why text is not a name of the Kubernetes API in the widest sense: printable ASCII without blank and
// without '/', at most most bytes. Empty text is fine.
func checkText(text string, most int) error {
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

// shown quotes the beginning of a value that was sent, so that a message stays short and on one line.
func shown(value string) string {
	if len(value) > maxShown {
		value = value[:maxShown]
	}
	return fmt.Sprintf("%+q", value)
}

func sourceToWire(s traffic.Source) wirepb.Source {
	for known := wirepb.Source_SOURCE_DNS; known <= wirepb.Source_SOURCE_FILE; known++ {
		if sourceFromWire(known) == s {
			return known
		}
	}
	return wirepb.Source_SOURCE_UNSPECIFIED
}

// sourceFromWire returns the empty source for a number it does not know.
func sourceFromWire(s wirepb.Source) traffic.Source {
	switch s {
	case wirepb.Source_SOURCE_DNS:
		return traffic.DNS
	case wirepb.Source_SOURCE_SYN:
		return traffic.SYN
	case wirepb.Source_SOURCE_SOCKET:
		return traffic.Socket
	case wirepb.Source_SOURCE_FLOW:
		return traffic.Flow
	case wirepb.Source_SOURCE_KAFKA:
		return traffic.Kafka
	case wirepb.Source_SOURCE_ENVOY:
		return traffic.Envoy
	case wirepb.Source_SOURCE_SPANS:
		return traffic.Spans
	case wirepb.Source_SOURCE_FILE:
		return traffic.Offline
	case wirepb.Source_SOURCE_UNSPECIFIED:
	}
	return ""
}

func protocolToWire(p traffic.Protocol) wirepb.Protocol {
	switch p {
	case traffic.TCP:
		return wirepb.Protocol_PROTOCOL_TCP
	case traffic.UDP:
		return wirepb.Protocol_PROTOCOL_UDP
	case traffic.SCTP:
		return wirepb.Protocol_PROTOCOL_SCTP
	}
	return wirepb.Protocol_PROTOCOL_UNSPECIFIED
}

// protocolFromWire returns the empty protocol for a number it does not know.
func protocolFromWire(p wirepb.Protocol) traffic.Protocol {
	switch p {
	case wirepb.Protocol_PROTOCOL_TCP:
		return traffic.TCP
	case wirepb.Protocol_PROTOCOL_UDP:
		return traffic.UDP
	case wirepb.Protocol_PROTOCOL_SCTP:
		return traffic.SCTP
	case wirepb.Protocol_PROTOCOL_UNSPECIFIED:
	}
	return ""
}

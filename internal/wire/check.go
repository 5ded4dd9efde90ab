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
		if err := traffic.CheckName(p.Name); err != nil {
			return fmt.Errorf(".name: %w", err)
		}
	}
	if err := traffic.CheckText(p.PodUID, maxUID); err != nil {
		return fmt.Errorf(".pod_uid: %w", err)
	}
	if err := traffic.CheckText(p.Pod, maxName); err != nil {
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
	if err := traffic.CheckText(w.Namespace, maxLabel); err != nil {
		return fmt.Errorf(".workload.namespace: %w", err)
	}
	if err := traffic.CheckText(w.Kind, maxKind); err != nil {
		return fmt.Errorf(".workload.kind: %w", err)
	}
	if err := traffic.CheckText(w.Name, maxName); err != nil {
		return fmt.Errorf(".workload.name: %w", err)
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

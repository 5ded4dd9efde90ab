package graph

import (
	"encoding/json"
	"testing"
)

// FuzzPeerJSON reads peers that people may have edited. What is read is written again as what it says, and no text
// panics. Whether such a peer exists is not checked here.
func FuzzPeerJSON(f *testing.F) {
	for _, text := range []string{
		`{"namespace":"shop","kind":"Deployment","name":"cart"}`, `{"name":"api.example"}`, `{"address":"192.0.2.7"}`,
		`{"address":"fe80::1%eth0"}`, `{"namespace":"shop"}`, `{}`, `null`, `[]`, `{"name":1}`, `{"address":"nonsense"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var first, second Peer
		if json.Unmarshal(text, &first) != nil {
			return
		}
		written, err := json.Marshal(first)
		if err != nil {
			t.Fatalf("%q was read as %+v and cannot be written: %v", text, first, err)
		}
		if err := json.Unmarshal(written, &second); err != nil || second != first {
			t.Fatalf("%s was read as %+v and then as %+v: %v", text, first, second, err)
		}
		New(Limits{}).Merge(connected(first, second, 80, 0))
	})
}

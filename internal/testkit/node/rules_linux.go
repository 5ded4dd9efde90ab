package node

import (
	"os/exec"
	"strings"
	"testing"
)

// Rules makes the kernel of the present network namespace follow rules in the language of nft.
func Rules(t testing.TB, rules string) {
	t.Helper()
	nft := exec.CommandContext(t.Context(), "nft", "-f", "-")
	nft.Stdin = strings.NewReader(rules)
	if out, err := nft.CombinedOutput(); err != nil {
		t.Fatalf("this test needs nft of the package nftables: %v\n%s", err, out)
	}
}

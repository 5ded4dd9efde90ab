package command

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestElsewhereEveryCommandOfAClusterNeedsLinux holds the commands of other systems to those of Linux.
func TestElsewhereEveryCommandOfAClusterNeedsLinux(t *testing.T) {
	linux, err := newRoot(t.Output(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range linux.Commands() {
		if each.Hidden || each.Name() == "image" {
			continue
		}
		mac := &cobra.Command{Use: "localcluster", SilenceUsage: true, SilenceErrors: true}
		mac.AddCommand(elsewhere("darwin")...)
		mac.SetArgs([]string{each.Name(), "--name", "x", "y"})
		if err := mac.Execute(); err == nil || !strings.Contains(err.Error(), "needs Linux, for example in a virtual machine; this is darwin") {
			t.Errorf("%s on a Mac: %v", each.Name(), err)
		}
	}
}

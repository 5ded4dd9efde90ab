package command

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVersionSaysWhatWasBuilt(t *testing.T) {
	platform := "Go: " + runtime.Version() + "\nPlatform: " + runtime.GOOS + "/" + runtime.GOARCH + "\n"
	for name, tc := range map[string]struct {
		info *debug.BuildInfo
		want string
	}{
		"a commit and its date": {
			&debug.BuildInfo{Settings: []debug.BuildSetting{
				{Key: "vcs.revision", Value: "12ab"}, {Key: "vcs.time", Value: "2026-11-20T10:00:00Z"}, {Key: "vcs.modified", Value: "false"},
			}},
			"Version: v1\nCommit: 12ab\nCommit date: 2026-11-20T10:00:00Z\n",
		},
		"a commit that was changed": {
			&debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "12ab"}, {Key: "vcs.modified", Value: "true"}}},
			"Version: v1\nCommit: 12ab (modified)\nCommit date: unknown\n",
		},
		"nothing is known": {nil, "Version: v1\nCommit: unknown\nCommit date: unknown\n"},
	} {
		var b strings.Builder
		if err := printVersion(&b, "v1", tc.info); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b.String(), tc.want+platform); diff != "" {
			t.Errorf("%s (-got +want):\n%s", name, diff)
		}
	}
}

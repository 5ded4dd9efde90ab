package command

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionCommand prints what was built and from what. It contacts nobody. There is no date of the build: equal sources give
// equal programs.
func versionCommand(version string) *cobra.Command {
	return &cobra.Command{
		Use: "version", Aliases: []string{"api-version"}, Short: "Print the version",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return sayVersion(cmd, version) },
	}
}

// versionFlag asks the program without a verb for the same. It is for the command line alone: a variable PORTOLAN_VERSION
// means something else wherever it is set.
const versionFlag = "version"

func sayVersion(cmd *cobra.Command, version string) error {
	info, _ := debug.ReadBuildInfo()
	return emit(cmd, func(w io.Writer) error { return printVersion(w, version, info) })
}

func printVersion(w io.Writer, version string, info *debug.BuildInfo) error {
	commit, date := "unknown", "unknown"
	if info != nil {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				commit = s.Value
			case "vcs.time":
				date = s.Value
			case "vcs.modified":
				if s.Value == "true" {
					commit += " (modified)"
				}
			}
		}
	}
	_, err := fmt.Fprintf(w, "Version: %s\nCommit: %s\nCommit date: %s\nGo: %s\nPlatform: %s/%s\n",
		version, commit, date, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

package command

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
)

// logging says how a role logs. Logs go to standard error.
type logging struct{ level, format string }

func (l *logging) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&l.level, "log-level", "info", "debug, info, warn or error")
	fs.StringVar(&l.format, "log-format", "json", "json or text")
}

// with runs a role with its logger. The libraries of Kubernetes log through it as well.
func (l *logging) with(cmd *cobra.Command, role func(*slog.Logger) error) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.level)); err != nil {
		return flagError{fmt.Errorf("log-level %q: want debug, info, warn or error", l.level)}
	}
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler
	switch l.format {
	case "json":
		handler = slog.NewJSONHandler(cmd.ErrOrStderr(), options)
	case "text":
		handler = slog.NewTextHandler(cmd.ErrOrStderr(), options)
	default:
		return flagError{fmt.Errorf("log-format %q: want json or text", l.format)}
	}
	log := slog.New(handler)
	klog.SetSlogLogger(log)
	return role(log)
}

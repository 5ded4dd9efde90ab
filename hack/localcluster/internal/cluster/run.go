package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/portolan-io/portolan/hack/localcluster/internal/process"
)

// watch ends a context when one of the processes that this command has started ends.
type watch struct {
	end context.CancelCauseFunc
}

// start runs the components that do not run yet. Those that do are left alone.
func (c *Cluster) start(ctx context.Context, w watch, wanted []component) error {
	for _, each := range wanted {
		if process.Load(c.record(each)).Alive() {
			continue
		}
		var running process.Running
		err := c.Do(func() (err error) {
			running, err = process.Start(process.Spec{
				Name:   each.name,
				Path:   c.program(each.program),
				Args:   each.args,
				Env:    []string{"PATH=" + c.options.Programs + ":" + searchPath},
				Log:    c.log(each),
				Record: c.record(each),
			})
			return err
		})
		if err != nil {
			return err
		}
		go func() {
			select {
			case <-ctx.Done():
			case <-running.Ended:
				w.end(fmt.Errorf("%s ended: %s (whole log: %s)", each.name, lastLines(c.log(each)), c.log(each)))
			}
		}()
	}
	return nil
}

// record and log are the files of a component.
func (c *Cluster) record(each component) string { return c.Path("processes", each.name+".json") }
func (c *Cluster) log(each component) string    { return c.Path("log", each.name+".log") }

// lastLines returns the end of a log, for an error message.
func lastLines(path string) string {
	const most = 1000
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return string(bytes.TrimSpace(text))
}

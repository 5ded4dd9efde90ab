package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/portolan-io/portolan/internal/testkit/stage"
)

// demo is the story so far.
type demo struct {
	root   string
	folder string // what the demo writes for the person to look at
	state  string // the record of a demo on the local cluster
	entry  string // is there as long as the local cluster is
	system string // runtime.GOOS
	out    io.Writer

	owner   owner
	another bool // the owner is not this checkout

	local   bool // on the cluster that we build, not on the person's own
	nothing bool // no demo was found that could be removed
	stage   stage.Stage
	left    []string // what the demo has begun to make, for a person who interrupts it
}

// localName is the name of the cluster that the demo builds, so that it never meets another one.
const localName = "portolan-demo"

// chooseCluster takes the person's cluster only with their consent: CLUSTER=current, or yes at the prompt.
func (d *demo) chooseCluster(ctx context.Context) error {
	if err := d.pick(ctx); err != nil {
		return err
	}
	if d.local {
		d.sayf("A cluster of its own, on this machine.")
	}
	return d.settle(ctx)
}

func (d *demo) pick(ctx context.Context) error {
	switch choice := os.Getenv("CLUSTER"); choice {
	case "current":
		return d.useCurrent(ctx)
	case "local":
		return d.useLocal()
	case "":
	default:
		return fmt.Errorf("CLUSTER=%s: want current or local", choice)
	}
	name, reachable := currentCluster(ctx)
	if !reachable {
		d.sayf("No cluster is reachable with the current kubeconfig: one is built here.")
		return d.useLocal()
	}
	agreed, err := d.ask(ctx, fmt.Sprintf("Use the cluster of your current context %q? The demo installs Portolan, which proposes ClientIntents in all namespaces, and a namespace shop. [y/N] ", name))
	if err != nil {
		return err
	}
	if !agreed {
		d.sayf("A cluster of its own is built here instead.")
		return d.useLocal()
	}
	d.take(name)
	return nil
}

// currentCluster returns the current context of the person's kubeconfig, and whether its API server answers.
func currentCluster(ctx context.Context) (name string, reachable bool) {
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		return "", false
	}
	out, err := exec.CommandContext(ctx, kubectl, "config", "current-context").Output()
	if err != nil {
		return "", false
	}
	name = strings.TrimSpace(string(out))
	return name, answers(ctx, name) == nil
}

// answers returns nil if the API server of a context answers.
func answers(ctx context.Context, name string) error {
	return exec.CommandContext(ctx, "kubectl", "version", "--request-timeout=5s", "--context="+name).Run()
}

func (d *demo) useCurrent(ctx context.Context) error {
	if _, err := exec.LookPath("kubectl"); err != nil {
		return errors.New("kubectl is not in PATH: install it, or run CLUSTER=local make demo, which brings its own")
	}
	name, reachable := currentCluster(ctx)
	if !reachable {
		return errors.New("no cluster answers in the current kubeconfig context: check \"kubectl version\", or run CLUSTER=local make demo")
	}
	d.take(name)
	return nil
}

// take takes the person's cluster of that context.
func (d *demo) take(name string) {
	d.reach(name)
	d.sayf("Using your cluster of context %q.", name)
}

// reach lets the stage stand on the person's cluster of that context.
func (d *demo) reach(name string) {
	d.stage = stage.Stage{Root: d.root, Kubectl: "kubectl", Portolan: filepath.Join(d.root, "bin/portolan"), Context: name, Bankless: true}
}

// useLocal takes the cluster that is built here.
func (d *demo) useLocal() error {
	if d.system != "linux" {
		return fmt.Errorf("the local cluster needs Linux, and this is %s: make a cluster with kind or minikube and run CLUSTER=current make demo, or work in a virtual machine", d.system)
	}
	d.local = true
	d.stage = stage.Stage{
		Root: d.root, Kubectl: filepath.Join(d.root, "bin/localcluster/envtest/kubectl"),
		Portolan: filepath.Join(d.root, "bin/portolan"), Kubeconfig: filepath.Join(d.folder, "kubeconfig"),
	}
	return nil
}

// startCluster builds and starts the local cluster; the person's own runs already.
func (d *demo) startCluster(ctx context.Context) error {
	if !d.local {
		d.sayf("Your cluster runs already.")
		return nil
	}
	if os.Geteuid() != 0 {
		return errors.New("the local cluster needs root: run make demo as root, or CLUSTER=current make demo")
	}
	if _, err := os.Stat(d.stage.Kubectl); err != nil {
		d.sayf("Building Kubernetes and its companions; the first time this takes about six minutes on two cores.")
	}
	if err := d.show(ctx, "make", "--no-print-directory", "localcluster"); err != nil {
		return err
	}
	if err := d.recordLocal(); err != nil {
		return err
	}
	if err := d.show(ctx, d.localcluster(), "up", "--name", localName); err != nil {
		return err
	}
	kubeconfig, err := exec.CommandContext(ctx, d.localcluster(), "kubeconfig", "--name", localName).Output()
	if err != nil {
		return fmt.Errorf("reading the kubeconfig of the local cluster: %w", err)
	}
	if err := os.WriteFile(d.stage.Kubeconfig, kubeconfig, 0o600); err != nil {
		return err
	}
	return d.openBank(ctx)
}

func (d *demo) localcluster() string { return filepath.Join(d.root, "bin/localcluster/localcluster") }

// bringImages loads the images into the cluster's nodes, so that no registry is needed.
func (d *demo) bringImages(ctx context.Context) error {
	for _, archive := range []string{"portolan.tar", "shop.tar"} { // what "make image" writes
		path := filepath.Join(d.root, "bin/image", archive)
		load, err := d.loader(path)
		if err != nil {
			return err
		}
		if err := d.show(ctx, load[0], load[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// loader returns the command that loads an image archive into the chosen cluster.
func (d *demo) loader(archive string) ([]string, error) {
	name := d.stage.Context
	switch {
	case d.local:
		return []string{d.localcluster(), "load", "--name", localName, archive}, nil
	case strings.HasPrefix(name, "kind-"):
		return []string{"kind", "load", "image-archive", "--name", strings.TrimPrefix(name, "kind-"), archive}, nil
	case name == "minikube":
		return []string{"minikube", "image", "load", archive}, nil
	case os.Getenv("IMAGES") == "loaded":
		return []string{"true"}, nil
	default:
		return nil, fmt.Errorf("the nodes of context %q need %s, and the demo can load images only into kind and minikube: "+
			"load the archives of bin/image by hand and set IMAGES=loaded, or run CLUSTER=local make demo", name, filepath.Base(archive))
	}
}

// toEnd is how long a program that is interrupted may take to put its things in order.
const toEnd = 15 * time.Second

// show runs a program whose output the person sees. Its whole process group is interrupted, once, when ctx ends.
func (d *demo) show(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = d.root, d.out, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel, cmd.WaitDelay = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }, toEnd
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", filepath.Base(program), strings.Join(args, " "), err)
	}
	return nil
}

func (d *demo) sayf(format string, args ...any) { fmt.Fprintf(d.out, "  "+format+"\n", args...) }

// ask returns false without asking where nobody can answer, and an error when ctx ends before the answer.
func (d *demo) ask(ctx context.Context, question string) (agreed bool, err error) {
	info, err := os.Stdin.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false, nil //nolint:nilerr // without standard input nobody answers
	}
	fmt.Fprint(d.out, "  "+question)
	answers := make(chan string, 1)
	go func() {
		answer, _ := bufio.NewReader(os.Stdin).ReadString('\n') // what was read before an error is no yes
		answers <- answer
	}()
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case answer := <-answers:
		return strings.HasPrefix(strings.ToLower(strings.TrimSpace(answer)), "y"), nil
	}
}

// remains says what an interrupted demo leaves, and how to remove it.
func (d *demo) remains() string {
	var where []string
	there, local, errLocal := d.recorded()
	if local && there.Of == d.owner {
		where = append(where, there.String())
	}
	before, known, err := d.marked()
	if known {
		where = append(where, before.String())
	}
	if len(where) == 0 && err == nil && errLocal == nil {
		return "Nothing was made yet.\n"
	}
	stays := fmt.Sprintf("What was made until here stays (%s)", strings.Join(where, ", "))
	if len(d.left) > 0 {
		stays += ": " + strings.Join(d.left, ", ")
	}
	return stays + ".\nRemove it with \"make demo-down\", or go on with \"make demo\".\n"
}

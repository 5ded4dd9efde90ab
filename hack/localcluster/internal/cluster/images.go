//go:build linux

package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/errdefs"
)

// imageNamespace is the part of containerd that belongs to Kubernetes.
const imageNamespace = "k8s.io"

// snapshotter is the one that containerd is built with.
const snapshotter = "overlayfs"

// socket is containerd's, as the machine sees it and as the host does.
func (c *Cluster) socket() string     { return "/run/containerd.sock" }
func (c *Cluster) hostSocket() string { return c.Path("machine", "run", "containerd.sock") }

// Load gives the images of a docker-archive or OCI archive to the node and returns their names.
func (c *Cluster) Load(ctx context.Context, archive string) ([]string, error) {
	file, err := os.Open(archive)
	if err != nil {
		return nil, fmt.Errorf("opening the image archive: %w", err)
	}
	defer func() { _ = file.Close() }()
	containerd, err := c.containerd()
	if err != nil {
		return nil, err
	}
	defer func() { _ = containerd.Close() }()
	names, err := load(ctx, containerd, file)
	if err != nil {
		return nil, fmt.Errorf("loading %s, which should be a docker-archive or an OCI archive: %w", archive, err)
	}
	return names, nil
}

// containerd connects to the node's containerd.
func (c *Cluster) containerd() (*client.Client, error) {
	containerd, err := client.New(c.hostSocket(), client.WithDefaultNamespace(imageNamespace))
	if err != nil {
		return nil, fmt.Errorf("connecting to containerd: %w", err)
	}
	return containerd, nil
}

// load imports an archive and unpacks its images, so that the first pod need not.
func load(ctx context.Context, containerd *client.Client, archive io.Reader) ([]string, error) {
	images, err := containerd.Import(ctx, archive)
	if err != nil {
		return nil, fmt.Errorf("importing the image archive: %w", err)
	}
	var names []string
	for _, image := range images {
		if err := client.NewImage(containerd, image).Unpack(ctx, snapshotter); err != nil {
			return nil, fmt.Errorf("unpacking %s: %w", image.Name, err)
		}
		names = append(names, image.Name)
	}
	if len(names) == 0 {
		return nil, errors.New("the archive holds no image with a name")
	}
	return names, nil
}

// loadSystemImages gives the node the images that it needs before anybody else can load one.
func (c *Cluster) loadSystemImages(ctx context.Context) error {
	return until(ctx, func(ctx context.Context) error {
		containerd, err := c.containerd()
		if err != nil {
			return err
		}
		defer func() { _ = containerd.Close() }()
		for name, archive := range map[string]string{pauseImage: "images/pause.tar", corednsImage: "images/coredns.tar"} {
			if _, err := containerd.GetImage(ctx, name); err == nil {
				continue
			} else if !errdefs.IsNotFound(err) {
				return fmt.Errorf("looking for %s: %w", name, err)
			}
			if _, err := c.Load(ctx, c.program(archive)); err != nil {
				return err
			}
		}
		return nil
	})
}

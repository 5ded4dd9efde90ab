package role

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/spf13/pflag"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster/trim"
	"github.com/portolan-io/portolan/internal/resolve"
)

// KnowingOptions is what the operator can be told about who is who: how workloads are named, and which addresses are whose.
type KnowingOptions struct {
	NameAnnotation    string // pod annotation that names the workload
	ImageNamesForJobs bool   // name a Job that no CronJob made after its images

	ClusterCIDRs      []string // address ranges inside, beside those that the API server tells of
	PrivateCIDRs      []string // outside, but not the internet, beside the ranges of RFC 1918, 6598 and 4193
	ControlPlaneBits4 int      // leading bits that an address shares with the API server's to be its own, IPv4
	ControlPlaneBits6 int      // the same, IPv6
}

func defaultKnowingOptions() KnowingOptions {
	return KnowingOptions{NameAnnotation: v2beta1.AnnotationWorkloadName, ControlPlaneBits4: 32, ControlPlaneBits6: 128}
}

func (o *KnowingOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.NameAnnotation, "workload-name-annotation", o.NameAnnotation, "pod annotation whose value names the workload")
	fs.BoolVar(&o.ImageNamesForJobs, "use-image-name-for-service-id-for-jobs", o.ImageNamesForJobs, "name a Job that no CronJob made after its images")
	fs.StringSliceVar(&o.ClusterCIDRs, "cluster-cidrs", o.ClusterCIDRs, "address ranges of pods and Services, where nodes and ServiceCIDRs do not tell them")
	fs.StringSliceVar(&o.PrivateCIDRs, "private-cidrs", o.PrivateCIDRs, "address ranges that are not the internet, beside the private ranges of the standards")
	fs.IntVar(&o.ControlPlaneBits4, "control-plane-ipv4-cidr-prefix-length", o.ControlPlaneBits4, "leading bits that an IPv4 address shares with an endpoint of the API server to be the API server's")
	fs.IntVar(&o.ControlPlaneBits6, "control-plane-ipv6-cidr-prefix-length", o.ControlPlaneBits6, "the same for IPv6")
}

// validate returns one error per wrong field, joined.
func (o KnowingOptions) validate() error {
	_, err := prefixes("cluster-cidrs", o.ClusterCIDRs)
	_, err2 := prefixes("private-cidrs", o.PrivateCIDRs)
	errs := []error{err, err2}
	if o.ControlPlaneBits4 < 1 || o.ControlPlaneBits4 > 32 {
		errs = append(errs, fmt.Errorf("control-plane-ipv4-cidr-prefix-length %d: want 1 to 32", o.ControlPlaneBits4))
	}
	if o.ControlPlaneBits6 < 1 || o.ControlPlaneBits6 > 128 {
		errs = append(errs, fmt.Errorf("control-plane-ipv6-cidr-prefix-length %d: want 1 to 128", o.ControlPlaneBits6))
	}
	return errors.Join(errs...)
}

// prefixes reads the ranges of a flag; what cannot be read is left out and told.
func prefixes(flag string, texts []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	var errs []error
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %q: want an address range such as 10.0.0.0/8 or fd00::/8", flag, text))
			continue
		}
		all = append(all, prefix.Masked())
	}
	return all, errors.Join(errs...)
}

// reading is how objects are read.
func (o KnowingOptions) reading() trim.Options {
	return trim.Options{WorkloadNameAnnotation: o.NameAnnotation, ImageNamesForJobs: o.ImageNamesForJobs}
}

// apply adds to the options of resolution what these say; they must be valid.
func (o KnowingOptions) apply(to *resolve.Options) {
	to.ClusterNetworks, _ = prefixes("cluster-cidrs", o.ClusterCIDRs)
	to.PrivateNetworks, _ = prefixes("private-cidrs", o.PrivateCIDRs)
	to.ControlPlaneBits4, to.ControlPlaneBits6 = o.ControlPlaneBits4, o.ControlPlaneBits6
}

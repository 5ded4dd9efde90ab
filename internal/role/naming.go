package role

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/spf13/pflag"

	"github.com/portolan-io/portolan/controllers"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/names"
	"github.com/portolan-io/portolan/internal/resolve"
	"github.com/portolan-io/portolan/internal/traffic"
)

// NamingOptions is what the operator can be told about the names of internet targets.
type NamingOptions struct {
	Memory  names.Options
	Servers []string // addresses of DNS servers whose answers count, beside the cluster's DNS Services
	LookUp  bool     // ask DNS for domains that nobody was seen to ask for, and for the host names of load balancers
}

// nodeLocalDNS is the address at which Kubernetes' cache on each node answers by default.
const nodeLocalDNS = "169.254.20.10"

func defaultNamingOptions() NamingOptions {
	return NamingOptions{Memory: names.DefaultOptions(), Servers: []string{nodeLocalDNS}, LookUp: true}
}

func (o *NamingOptions) addFlags(fs *pflag.FlagSet) {
	fs.IntVar(&o.Memory.Pairs, "name-pairs", o.Memory.Pairs, "how many pairs of a name outside the cluster and its address are remembered for internet targets")
	fs.DurationVar(&o.Memory.Floor, "name-floor", o.Memory.Floor, "how long an address of an internet target stays open at least after it was last answered or used")
	fs.StringSliceVar(&o.Servers, "dns-servers", o.Servers, "addresses of DNS servers whose answers may open an address to an internet target, beside the cluster's DNS Services")
	fs.BoolVar(&o.LookUp, "resolve-domains", o.LookUp, "ask DNS for the domains of internet targets that no client was seen to ask for, and for load balancers that are known by a host name alone")
}

// validate returns one error per wrong field, joined.
func (o NamingOptions) validate() error {
	_, err := o.servers()
	return errors.Join(err, o.Memory.Validate())
}

// servers returns the addresses of the servers; those that cannot be read are left out and told.
func (o NamingOptions) servers() ([]netip.Addr, error) {
	var all []netip.Addr
	var errs []error
	for _, text := range o.Servers {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("dns-servers %q: want an address such as 10.0.0.53 or fd00::53", text))
			continue
		}
		all = append(all, addr.Unmap())
	}
	return all, errors.Join(errs...)
}

// lookup is how domains are asked for; nil when they are not.
func (o NamingOptions) lookup() controllers.LookupHost {
	if !o.LookUp {
		return nil
	}
	return func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host+".") // with the dot no search list is tried
	}
}

// naming is the stretch of the line from sightings to the names of internet targets.
type naming struct {
	resolver *resolve.Resolver
	memory   *names.Memory
}

// take remembers what a sighting shows of the name or the address of somebody outside. A time that lies ahead is now.
func (n naming) take(snapshot *cluster.Snapshot, s traffic.Sighting, now time.Time) {
	last := s.Last
	if last.After(now) {
		last = now
	}
	switch {
	case n.resolver.Publishes(snapshot, s):
		n.memory.Learn(s.To.Name, s.To.Addr, s.TTL, last)
	case s.What.Act == traffic.Connect && s.To.Addr.IsValid():
		n.memory.Connected(s.To.Addr, last)
	}
}

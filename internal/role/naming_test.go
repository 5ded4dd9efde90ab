package role

import (
	"net/netip"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/names"
	"github.com/portolan-io/portolan/internal/resolve"
	"github.com/portolan-io/portolan/internal/traffic"
)

// TestOnlyTrustedAnswersReachTheNamesOfTargets sends answers and connections as any agent could deliver them: of a trusted
// server and of a stranger, late, and from the future.
func TestOnlyTrustedAnswersReachTheNamesOfTargets(t *testing.T) {
	now := time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC)
	trusted, bank := netip.MustParseAddr("10.0.0.53"), netip.MustParseAddr("203.0.113.7")
	answer := func(responder netip.Addr, name string, at time.Time) traffic.Sighting {
		return traffic.Sighting{
			To: traffic.Party{Name: name, Addr: bank}, First: at, Last: at, TTL: time.Minute,
			What: traffic.What{Act: traffic.Lookup, Responder: responder},
		}
	}
	for name, tc := range map[string]struct {
		seen []traffic.Sighting
		life time.Duration // of the address after now; 0 when it is not known
	}{
		"an answer of a trusted server": {[]traffic.Sighting{answer(trusted, "api.bank.example", now)}, 5 * time.Minute},
		"an answer of a stranger":       {[]traffic.Sighting{answer(netip.MustParseAddr("10.1.0.66"), "api.bank.example", now)}, 0},
		"an answer that nobody claims":  {[]traffic.Sighting{answer(netip.Addr{}, "api.bank.example", now)}, 0},
		"an answer from the future":     {[]traffic.Sighting{answer(trusted, "api.bank.example", now.Add(24*time.Hour))}, 5 * time.Minute},
		"an answer that comes too late": {[]traffic.Sighting{answer(trusted, "api.bank.example", now.Add(-time.Hour))}, 0},
		"a connection prolongs it": {[]traffic.Sighting{
			answer(trusted, "api.bank.example", now.Add(-4*time.Minute)),
			{To: traffic.Party{Addr: bank, Port: 443}, Last: now.Add(time.Hour), What: traffic.What{Act: traffic.Connect}},
		}, 5 * time.Minute},
		"a connection alone is no name": {[]traffic.Sighting{{To: traffic.Party{Addr: bank}, Last: now, What: traffic.What{Act: traffic.Connect}}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			n := naming{resolver: resolve.New(resolve.Options{DNSServers: []netip.Addr{trusted}}), memory: names.New(names.DefaultOptions())}
			for _, s := range tc.seen {
				n.take(cluster.Empty(), s, now)
			}
			if tc.life > 0 && len(n.memory.Addresses("api.bank.example", now.Add(tc.life-1))) != 1 {
				t.Errorf("the address is not known until %s", tc.life)
			}
			if got := n.memory.Addresses("api.bank.example", now.Add(tc.life)); len(got) != 0 {
				t.Errorf("after %s there is %v", tc.life, got)
			}
		})
	}
}

package role

import (
	"log/slog"
	"os"
	"strings"
)

// resolvConf is where a pod's search list tells the cluster domain.
const resolvConf = "/etc/resolv.conf"

// fallbackDomain is the cluster domain where nothing says otherwise.
const fallbackDomain = "cluster.local"

// clusterDomains returns the domains that were asked for, else the one of this pod's search list, else the usual one.
func clusterDomains(asked []string, log *slog.Logger) []string {
	if len(asked) > 0 {
		return asked
	}
	text, err := os.ReadFile(resolvConf)
	if domain := searchDomain(string(text)); err == nil && domain != "" {
		return []string{domain}
	}
	log.Warn("the cluster domain is not known; name it with --cluster-domain if it is another one", "assumed", fallbackDomain)
	return []string{fallbackDomain}
}

// searchDomain returns D for the entry svc.D of the last search line, which is the one that holds; empty if there is none.
func searchDomain(conf string) string {
	domain := ""
	for line := range strings.Lines(conf) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "search" {
			continue
		}
		domain = ""
		for _, entry := range fields[1:] {
			if below, ok := strings.CutPrefix(strings.Trim(strings.ToLower(entry), "."), "svc."); ok && domain == "" {
				domain = below
			}
		}
	}
	return domain
}

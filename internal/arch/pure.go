package arch

import "strings"

// values lists the packages of the standard library that only compute. A pure room has no others, but for those that the
// plan grants it with a reason: a package that is not listed could be a clock, a file, a socket, a lock or dice.
const values = "bufio bytes cmp container/heap container/list crypto/sha256 embed encoding/base64 encoding/binary" +
	" encoding/hex encoding/json encoding/xml errors fmt io iter maps math math/bits net/netip net/url path reflect regexp" +
	" slices strconv strings text/tabwriter time unicode unicode/utf8 unicode/utf16"

// apiValues lists what of apimachinery only computes. The rest waits, watches, dials, rolls dice, keeps or logs.
const apiValues = "api/equality api/meta api/resource apis/meta/v1 fields labels runtime selection types util/intstr" +
	" util/json util/sets util/validation util/yaml version"

// reaching lists what pure rooms must not take from packages that they may import. Functions and variables are written as
// path.Name, methods as (path.Type).Name.
const reaching = "" +
	// the clock
	" time.Now time.Since time.Until time.After time.AfterFunc time.Sleep time.Tick time.NewTicker time.NewTimer" +
	" k8s.io/apimachinery/pkg/apis/meta/v1.Now k8s.io/apimachinery/pkg/apis/meta/v1.NowMicro" +
	" k8s.io/apimachinery/pkg/api/meta.SetStatusCondition" +
	" k8s.io/apimachinery/pkg/api/meta/table.ConvertToHumanReadableDateType" +
	// the environment and files: TZ and the time zones of the machine
	" time.Local time.LoadLocation (time.Time).Local" +
	// the terminal
	" fmt.Print fmt.Printf fmt.Println fmt.Scan fmt.Scanf fmt.Scanln" +
	// goroutines by another name
	" (sync.WaitGroup).Go iter.Pull iter.Pull2" +
	// dice
	" (k8s.io/apimachinery/pkg/apis/meta/v1.Time).RandFill (k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime).RandFill"

const apimachinery = "k8s.io/apimachinery/pkg/"

// computes reports whether a package takes values and returns values. Of libraries this only judges apimachinery: each of
// the others is allowed by name where a room needs it.
func computes(path string) bool {
	below, isMachinery := strings.CutPrefix(path, apimachinery)
	switch {
	case isMachinery:
		return allowed(apiValues, below, "")
	case isLibrary(path):
		return true
	default:
		return listed(values, path)
	}
}

// isLibrary reports whether a path has a host name in front, as everything outside of the standard library has.
func isLibrary(path string) bool {
	host, _, _ := strings.Cut(path, "/")
	return strings.Contains(host, ".")
}

// listed reports whether list has exactly that name.
func listed(list, name string) bool {
	for one := range strings.FieldsSeq(list) {
		if one == name {
			return true
		}
	}
	return false
}

package graph

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const day = 24 * time.Hour

// seenOn returns a graph with one edge that was seen on those days.
func seenOn(t *testing.T, days ...int) *Graph {
	t.Helper()
	g := New(Limits{})
	for _, d := range days {
		mergeAll(t, g, connected(inside("shop", "frontend"), inside("shop", "cart"), 80, time.Duration(d)*day))
	}
	return g
}

func onDay(d int) time.Time { return start.Add(time.Duration(d) * day) }

// drawn writes the spells of the only edge, in days.
func drawn(g *Graph) string {
	var all []string
	for _, s := range g.History(Filter{})[0].Spells {
		all = append(all, s.First.Sub(start).String()+"-"+s.Last.Sub(start).String())
	}
	return strings.ReplaceAll(strings.Join(all, " "), "h0m0s", "h")
}

func TestASilenceOfMoreThanAWeekEndsASpell(t *testing.T) {
	for name, tc := range map[string]struct {
		days []int
		want string
	}{
		"one sighting is a spell":                   {[]int{0}, "0s-0s"},
		"a silence of a week goes on":               {[]int{0, 7}, "0s-168h"},
		"a silence of eight days ends it":           {[]int{0, 8}, "0s-0s 192h-192h"},
		"late news joins two":                       {[]int{0, 10, 5}, "0s-240h"},
		"late news comes before all":                {[]int{20, 0}, "0s-0s 480h-480h"},
		"late news in between touches neither side": {[]int{0, 20, 10}, "0s-0s 240h-240h 480h-480h"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := drawn(seenOn(t, tc.days...)); got != tc.want {
				t.Errorf("spells %s, want %s", got, tc.want)
			}
		})
	}
}

func TestTheOldestOfTooManySpellsAreJoined(t *testing.T) {
	var days []int
	for i := range MaxSpells + 3 {
		days = append(days, i*10)
	}
	spells := seenOn(t, days...).History(Filter{})[0].Spells
	want := Spell{First: onDay(0), Last: onDay(30)}
	if len(spells) != MaxSpells || spells[0] != want {
		t.Errorf("%d spells, the first %v; want %d and %v", len(spells), spells[0], MaxSpells, want)
	}
}

// TestWhatWasThereAt draws one edge with two spells, and a clock that stands at day 40.
//
//	day 0 ──── 3          20 ─── 22                 40 now
//	    |spell |  silence  |spell|   silence
func TestWhatWasThereAt(t *testing.T) {
	g := seenOn(t, 0, 3, 20, 22)
	for name, tc := range map[string]struct {
		at, now int
		want    bool
	}{
		"before the first sighting":               {-1, 40, false},
		"in the first spell":                      {2, 40, true},
		"at its end":                              {3, 40, true},
		"in the silence":                          {10, 40, false},
		"in the second spell":                     {21, 40, true},
		"after it, long ago":                      {25, 40, false},
		"after it, while it may still go on":      {25, 28, true},
		"after it, when the silence is too long":  {25, 30, false},
		"in the first silence, while all is open": {10, 28, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := len(g.At(onDay(tc.at), onDay(tc.now), Filter{})) == 1; got != tc.want {
				t.Errorf("there: %t, want %t", got, tc.want)
			}
		})
	}
}

func TestOnlyUsesThatHadBeenSeenAreShown(t *testing.T) {
	g := seenOn(t, 0)
	mergeAll(t, g, connected(inside("shop", "frontend"), inside("shop", "cart"), 443, 2*day))
	if got := len(g.At(onDay(1), onDay(3), Filter{})[0].Uses); got != 1 {
		t.Errorf("%d uses on day 1, want the one that had been seen", got)
	}
	if got := len(g.At(onDay(2), onDay(3), Filter{})[0].Uses); got != 2 {
		t.Errorf("%d uses on day 2, want both", got)
	}
}

func TestWhatChangedBetween(t *testing.T) {
	g := seenOn(t, 0, 3, 20, 22)
	for name, tc := range map[string]struct {
		from, to, now int
		want          []Turn
		same          int
	}{
		"nothing while it goes on":            {1, 2, 40, nil, 1},
		"it appeared":                         {-1, 1, 40, []Turn{Appeared}, 0},
		"it vanished":                         {1, 10, 40, []Turn{Vanished}, 0},
		"it came and went":                    {-1, 10, 40, []Turn{Appeared, Vanished}, 0},
		"it returned":                         {10, 21, 40, []Turn{Returned}, 0},
		"it went and returned":                {1, 21, 40, []Turn{Vanished, Returned}, 1},
		"it has not vanished while it may be": {21, 28, 28, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			changes, same := g.Between(onDay(tc.from), onDay(tc.to), onDay(tc.now), Filter{})
			var got []Turn
			for _, c := range changes {
				got = append(got, c.Turn)
			}
			if diff := cmp.Diff(got, tc.want); diff != "" || same != tc.same {
				t.Errorf("%d the same, want %d; turns (-got +want):\n%s", same, tc.same, diff)
			}
		})
	}
}

func TestTheHistoryIsFilteredLikeTheMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, f := merged(observations().Draw(t, "observations")), filters().Draw(t, "filter")
		f.Since, f.Until = time.Time{}, time.Time{}
		if diff := cmp.Diff(pairs(g.History(f)), pairs(g.View(f))); diff != "" {
			t.Fatalf("history of %+v (-got +want the view):\n%s", f, diff)
		}
	})
}

func TestWhatLeftTheMapIsHistoryAndComesBack(t *testing.T) {
	g := New(Limits{Edges: 1, NamesPerClient: 1})
	old := lookedUp(inside("shop", "cart"), named("old.example"), "old.example", 0)
	mergeAll(t, g, old)
	if left := g.Retire(onDay(30)); left != 1 || g.Len() != 0 || g.Past() != 1 {
		t.Errorf("%d edges left, %d in the map, %d in the past; want 1, 0 and 1", left, g.Len(), g.Past())
	}
	if changed, _ := g.Since(0); len(g.View(Filter{}))+len(changed) != 0 {
		t.Error("an edge that left the map is in a view")
	}
	if len(g.View(Filter{Server: Server{Namespace: "shop", Name: "cart"}})) != 0 || len(g.History(Filter{})) != 1 {
		t.Error("the history forgot the edge, or the map did not")
	}
	// Its room in the map is free for another one, and it cannot come back meanwhile.
	mergeAll(t, g, lookedUp(inside("shop", "cart"), named("new.example"), "new.example", 31*day))
	again := lookedUp(inside("shop", "cart"), named("old.example"), "old.example", 40*day)
	if bound := g.Merge(again); bound != FullEdges {
		t.Errorf("Merge = %s, want %s", bound, FullEdges)
	}
	g.Retire(onDay(35))
	mergeAll(t, g, again)
	view := g.View(Filter{})
	if len(view) != 1 || !view[0].First.Equal(start) || view[0].Uses[0].Evidence[0].Count != 2 {
		t.Errorf("it came back as %+v, want both sightings from the first day", view)
	}
	if gone := g.Expire(onDay(35)); gone != 1 || g.Past() != 0 || g.Len() != 1 {
		t.Errorf("%d forgotten, %d in the past, %d in the map; want 1, 0 and 1", gone, g.Past(), g.Len())
	}
}

func TestUsesThatLeftTheMapMakeRoom(t *testing.T) {
	g := New(Limits{PortsPerEdge: 1})
	client, server := inside("shop", "frontend"), inside("shop", "cart")
	mergeAll(t, g, connected(client, server, 80, 0), lookedUp(client, server, "cart", 35*day))
	g.Retire(onDay(30))
	if uses := g.View(Filter{})[0].Uses; len(uses) != 1 {
		t.Errorf("%d uses in the map, want the one that is not over", len(uses))
	}
	mergeAll(t, g, connected(client, server, 443, 36*day))
	if uses := g.View(Filter{})[0].Uses; len(uses) != 2 || uses[0].Use.Port != 443 {
		t.Errorf("uses %+v, want port 443 and the lookup", uses)
	}
}

func TestThePastIsBounded(t *testing.T) {
	g := New(Limits{Past: 2})
	for i := range 5 {
		mergeAll(t, g, connected(inside("shop", "client-"+string(rune('a'+i))), inside("shop", "cart"), 80, time.Duration(i)*day))
	}
	g.Retire(onDay(30))
	if diff := cmp.Diff(pairs(g.History(Filter{})), []string{
		"shop/Deployment/client-d -> shop/Deployment/cart", "shop/Deployment/client-e -> shop/Deployment/cart",
	}); diff != "" || g.Past() != 2 {
		t.Errorf("%d in the past (-got +want):\n%s", g.Past(), diff)
	}
}

package protocols

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// A DoorRule is an access rule with the mount that declares it.
type DoorRule struct {
	Door string
	httpkit.Rule
}

// Rules returns the access rules of every route, in the order of the mounts;
// what the front answers itself comes first, as "front".
func (f *Front) Rules() []DoorRule { return slices.Clone(f.rules) }

// RuleTable writes rules as a Markdown table, one line a rule: the table of
// docs/security.md, which tests hold against the program.
func RuleTable(rules []DoorRule) string {
	var b strings.Builder
	b.WriteString("| door | path | methods | access |\n|---|---|---|---|\n")
	for _, r := range rules {
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", r.Door, r.Path, strings.ReplaceAll(r.Methods, httpkit.AnyMethod, "any"), r.Access)
	}
	return b.String()
}

// addRules collects the rules of a door's routes, and refuses a route without.
func (f *Front) addRules(door string, router *mux.Router) error {
	if router.NotFoundHandler != nil || router.MethodNotAllowedHandler != nil {
		return badRoute(door, "has a handler for paths or methods that no rule names")
	}
	return router.Walk(func(route *mux.Route, sub *mux.Router, _ []*mux.Route) error {
		if sub.NotFoundHandler != nil || sub.MethodNotAllowedHandler != nil {
			return badRoute(door, "has a handler for paths or methods that no rule names")
		}
		h := route.GetHandler()
		if h == nil {
			return nil // it only leads to further routes
		}
		ruled, ok := h.(*httpkit.Ruled)
		if !ok || len(ruled.Rules) == 0 {
			return badRoute(door, fmt.Sprintf("serves %s without an access rule: wrap its handler in httpkit.WithRules", describe(route, h)))
		}
		for _, r := range ruled.Rules {
			if !r.Valid() {
				return badRoute(door, fmt.Sprintf("has an incomplete access rule: %+v", r))
			}
			if rule := (DoorRule{door, r}); !slices.Contains(f.rules, rule) {
				f.rules = append(f.rules, rule)
			}
		}
		return nil
	})
}

// apart makes sure that no two doors have paths with the same first segment.
func (f *Front) apart() error {
	doors := map[string]string{}
	for _, r := range f.rules {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.Path, "/"), "/")
		first, _, _ = strings.Cut(first, "?")
		if first == "" || strings.Contains(first, "{") {
			continue
		}
		if door, taken := doors[first]; taken && door != r.Door {
			return badRoute(r.Door, fmt.Sprintf("serves paths below /%s, and so does the door %q", first, door))
		}
		doors[first] = r.Door
	}
	return nil
}

func badRoute(door, text string) error {
	return errs.New("protocols.New", errs.Invalid, "", fmt.Sprintf("the door %q %s", door, text))
}

// describe names a route for whoever forgot its rule.
func describe(route *mux.Route, h http.Handler) string {
	if path, err := route.GetPathTemplate(); err == nil {
		return path
	}
	return fmt.Sprintf("a route of its own matcher (handler %T)", h)
}

package httpapi

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// methods are the methods of each path, as routes spell it.
func methods(rows []row) map[string][]string {
	found := map[string][]string{}
	for _, r := range rows {
		for _, path := range append([]string{r.path}, r.aliases...) {
			found[path] = append(found[path], r.method)
		}
	}
	return found
}

// covers tells whether a path could be taken for the other, which is as long:
// {id} stands for anything.
func covers(path, other string) bool {
	mine, others := strings.Split(path, "/"), strings.Split(other, "/")
	return len(mine) == len(others) && !slices.ContainsFunc(mine, func(part string) bool {
		theirs := others[0]
		others = others[1:]
		return part != theirs && !strings.HasPrefix(part, "{")
	})
}

// refuseOthers keeps a method that a path does not take from another path that
// covers it: DELETE of archives/export is no deletion of an archive.
func (a *api) refuseOthers(engine *gin.Engine) {
	known := methods(a.rows)
	for path, own := range known {
		foreign := map[string]bool{}
		for other, theirs := range known {
			for _, m := range theirs {
				if other != path && covers(other, path) && !slices.Contains(own, m) {
					foreign[m] = true
				}
			}
		}
		for m := range foreign {
			engine.Handle(m, strings.NewReplacer("{", ":", "}", "").Replace(path), a.noMethod)
		}
	}
}

// noMethod is the answer at a path that is there, to a method that it does not take.
func (a *api) noMethod(c *gin.Context) {
	c.Header("Allow", strings.Join(a.taken(c.Request.URL.Path), ", "))
	a.nowhere(c, problem{status: http.StatusMethodNotAllowed, detail: "This path does not take " + method(c.Request) + "."})
}

// taken are the methods that a path takes. Where two of ours cover it, the
// one that is written out is meant.
func (a *api) taken(path string) []string {
	known := methods(a.rows)
	own, ok := known[path]
	if !ok {
		for _, other := range slices.Sorted(maps.Keys(known)) {
			if covers(other, path) {
				own = known[other]
				break
			}
		}
	}
	own = slices.Clone(own)
	if slices.Contains(own, http.MethodGet) {
		own = append(own, http.MethodHead)
	}
	slices.Sort(own)
	return own
}

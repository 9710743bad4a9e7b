package httpapi

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/printwire/printwire/auth"
)

// auth is a rate class as auth knows it.
func (c class) auth() auth.Class {
	switch c {
	case classControl:
		return auth.ControlClass
	case classWrite:
		return auth.WriteClass
	}
	return auth.ReadClass
}

// limited answers, and is true, when the caller has used up what a class of
// requests allows. Every answer says how much is left. Health is never limited.
func (a *api) limited(c *gin.Context, s session, kind class) bool {
	path := c.Request.URL.Path
	if isHealth(path) {
		return false
	}
	var rate auth.Rate
	if s.known {
		rate = a.Keys.Take(s.who, kind.auth())
	} else {
		rate = a.Keys.TakeAddress(remote(c.Request))
	}
	h := c.Writer.Header()
	values := rate.Headers()
	for _, field := range []struct{ name, value string }{
		{"X-RateLimit-Limit", values.Limit}, {"X-RateLimit-Remaining", values.Remaining}, {"X-RateLimit-Reset", values.Reset},
		{"RateLimit-Policy", values.Policy}, {"RateLimit", values.State},
	} {
		if field.value != "" {
			h.Set(field.name, field.value)
		}
	}
	if rate.OK {
		return false
	}
	a.refuse(c, problem{
		status: http.StatusTooManyRequests, detail: rate.Reason(), title: "Too many requests",
		retryAfter: max(1, rate.RetryAfter), violated: rate.Violated(),
	})
	return true
}

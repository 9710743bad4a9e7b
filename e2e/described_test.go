package e2e_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/printwire/printwire/httpapi"
	"github.com/printwire/printwire/httpapi/apitest"
)

// description is the REST API's own, read once. That of a running program
// differs from it in the version alone.
var description = sync.OnceValues(func() (*apitest.Description, error) {
	document, err := httpapi.OpenAPI("")
	if err != nil {
		return nil, err
	}
	return apitest.Read(document)
})

// checked is an HTTP client for the REST API: an answer that the API does not
// describe fails the test.
func checked(t *testing.T) *http.Client {
	t.Helper()
	d, err := description()
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Transport: apitest.Transport{Description: d, Wrong: func(err error) { t.Error(err) }}}
}

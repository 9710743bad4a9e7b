package httpapi

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// pageType is the content type of pages.
const pageType = "text/html"

// OAuthFailure is an error as OAuth's clients know it.
type OAuthFailure struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	RequestID   string `json:"request_id"`
}

// formDoc describes an endpoint of OAuth.
type formDoc struct {
	// fields are the parameters that it knows, required those that it cannot do without.
	fields, required []string
	// page: it answers people, with pages and redirects.
	page bool
	// codes are what it answers beside 200 and what every endpoint may.
	codes []int
}

// formDocs are the descriptions, by audit tag.
func formDocs() map[string]formDoc {
	client := []string{"client_id", "client_secret"}
	return map[string]formDoc{
		"oauth.authorize": {
			fields: []string{"response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"},
			page:   true, codes: []int{http.StatusFound},
		},
		"oauth.consent": {fields: []string{"consent", "scopes", "answer"}, page: true, codes: []int{http.StatusFound}},
		"oauth.login":   {fields: []string{"name", "password", "next"}, required: []string{"name", "password"}, page: true, codes: []int{http.StatusSeeOther, http.StatusUnauthorized}},
		"oauth.token": {
			fields:   append([]string{"grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "device_code", "scope"}, client...),
			required: []string{"grant_type"}, codes: []int{http.StatusUnauthorized},
		},
		"oauth.revoke":      {fields: append([]string{"token", "token_type_hint"}, client...), required: []string{"token"}, codes: []int{http.StatusUnauthorized}},
		"oauth.introspect":  {fields: append([]string{"token", "token_type_hint"}, client...), required: []string{"token"}, codes: []int{http.StatusUnauthorized}},
		"oauth.device":      {fields: append([]string{"scope"}, client...), codes: []int{http.StatusUnauthorized}},
		"oauth.device.page": {fields: []string{"user_code"}, page: true, codes: []int{http.StatusFound}},
	}
}

// describeForm says what an endpoint of OAuth takes and answers.
func (a *api) describeForm(op *huma.Operation) {
	audit, _ := op.Extensions["x-audit"].(string)
	doc := formDocs()[audit]
	if op.Method == http.MethodGet {
		for _, name := range doc.fields {
			op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "query", Schema: &huma.Schema{Type: huma.TypeString}})
		}
	}
	for _, code := range append(doc.codes, http.StatusNotFound) {
		if r := fmt.Sprint(code); op.Responses[r] == nil {
			op.Responses[r] = &huma.Response{Description: http.StatusText(code), Content: map[string]*huma.MediaType{}}
		}
	}
	page := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	schemas := a.huma.OpenAPI().Components.Schemas
	failure := schemas.Schema(reflect.TypeFor[Failure](), true, "")
	either := &huma.Schema{AnyOf: []*huma.Schema{failure, schemas.Schema(reflect.TypeFor[OAuthFailure](), true, "")}}
	for code, r := range op.Responses {
		if doc.page {
			r.Content[pageType] = page
		}
		switch {
		case code >= "400":
			r.Content[jsonType] = &huma.MediaType{Schema: either}
			r.Content[problemType] = &huma.MediaType{Schema: failure}
		case doc.page:
			delete(r.Content, jsonType)
		case r.Content[jsonType] != nil:
			r.Content[jsonType].Schema = &huma.Schema{Type: huma.TypeObject}
		}
	}
}

// formBody is the form that an endpoint of OAuth takes. What it does not know
// it leaves, but no parameter may be given twice.
func formBody(audit string) *huma.RequestBody {
	doc := formDocs()[audit]
	text := &huma.Schema{Type: huma.TypeString}
	schema := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}, Required: slices.Clone(doc.required), AdditionalProperties: text}
	for _, name := range doc.fields {
		schema.Properties[name] = text
	}
	if strings.HasSuffix(audit, "consent") {
		schema.Properties["scopes"] = &huma.Schema{
			Description: "The only one that may be given several times.", OneOf: []*huma.Schema{text, {Type: huma.TypeArray, Items: text}},
		}
	}
	return &huma.RequestBody{Content: map[string]*huma.MediaType{formType: {Schema: schema}}}
}

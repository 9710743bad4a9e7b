// Package apitest owns the check that an answer of the REST API is one that the
// API's OpenAPI document describes: its status, its content type, its body and
// the headers that must be there. It calls nothing itself, and is for tests
// only: they put it into their clients, so that no test has to remember it.
package apitest

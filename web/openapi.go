package web

import (
	_ "embed"
	"net/http"
)

// openAPI describes the API (OpenAPI 3.1). A test validates requests and
// responses of every route against it.
//
//go:embed openapi.json
var openAPI []byte

// getOpenAPI answers GET /api/openapi.json.
func getOpenAPI(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	writeJSON(w, openAPI)
	return nil
}

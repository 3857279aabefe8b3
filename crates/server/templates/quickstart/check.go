package main

import (
	"fmt"
	"log"
	"os"
	"slices"
	"strings"

{% if !v.has_secret %}	"github.com/MicahParks/keyfunc/v3"
{% endif %}	"github.com/golang-jwt/jwt/v5"
)

type claims struct {
	jwt.RegisteredClaims
	Scope string `json:"scope"`
}

// check fails if the token is not Keyward's, not for this API, or over.
func check(keys jwt.Keyfunc, token, permission string) (*claims, error) {
	var found claims
	_, err := jwt.ParseWithClaims(token, &found, keys,
		jwt.WithValidMethods([]string{"{{ v.algorithm }}"}),
		jwt.WithIssuer({{ v.q(v.issuer.as_str()) }}),
		jwt.WithAudience({{ v.q(v.audience.as_str()) }}),
		jwt.WithExpirationRequired())
	if err != nil {
		return nil, err
	}
	if !slices.Contains(strings.Fields(found.Scope), permission) {
		return nil, fmt.Errorf("403: it lacks %s", permission)
	}
	return &found, nil
}

func main() {
{% if v.has_secret %}	keys := func(*jwt.Token) (any, error) { return []byte(os.Getenv("SIGNING_SECRET")), nil }
	found, err := check(keys, os.Getenv("TOKEN"), {{ v.q(v.permission.as_str()) }})
{% else %}	keys, err := keyfunc.NewDefault([]string{ {{- v.q(v.keys_url().as_str()) -}} })
	if err != nil {
		log.Fatal(err)
	}
	found, err := check(keys.Keyfunc, os.Getenv("TOKEN"), {{ v.q(v.permission.as_str()) }})
{% endif %}	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(found.Subject)
}

// Resource servers, roles and what applications may ask for, through the vendor's own client for Go.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"reflect"
	"runtime"
	"strings"

	"github.com/auth0/go-auth0"
	"github.com/auth0/go-auth0/management"
)

var (
	ctx    = context.Background()
	domain = strings.TrimPrefix(os.Getenv("BASE_URL"), "https://")
	api    = connect(management.WithClientCredentials(ctx, os.Getenv("FIRST_CLIENT_ID"), os.Getenv("FIRST_CLIENT_SECRET")))
	s      = auth0.String
)

func connect(credentials management.Option) *management.Management {
	// No second try: it would hide a server error.
	return must(management.New(domain, credentials, management.WithNoRetries()))
}

// fail names the line of main that was being carried out.
func fail(format string, arguments ...any) {
	for depth := 1; ; depth++ {
		at, _, line, ok := runtime.Caller(depth)
		if !ok || strings.HasPrefix(runtime.FuncForPC(at).Name(), "main.main") {
			log.Fatalf("line %d: %s", line, fmt.Sprintf(format, arguments...))
		}
	}
}

func fine(err error) {
	if err != nil {
		fail("%v", err)
	}
}

func must[T any](it T, err error) T {
	if err != nil {
		fail("%v", err)
	}
	return it
}

func same(got, wanted any) {
	if !reflect.DeepEqual(got, wanted) {
		fail("got %s, wanted %s", text(got), text(wanted))
	}
}

func text(it any) string {
	return string(must(json.Marshal(it)))
}

func refused(status int, message string, err error) {
	refusal, is := err.(management.Error)
	if !is || refusal.Status() != status || !strings.Contains(refusal.Error(), message) {
		fail("got %v, wanted %d %s", err, status, message)
	}
}

func values(it *management.ResourceServer) []string {
	found := []string{}
	for _, scope := range it.GetScopes() {
		found = append(found, scope.GetValue())
	}
	return found
}

func scopes(names ...string) *[]management.ResourceServerScope {
	made := []management.ResourceServerScope{}
	for _, name := range names {
		made = append(made, management.ResourceServerScope{Value: s(name), Description: s("May " + name)})
	}
	return &made
}

// all asks for page after page, of this length, until there is nothing more.
func all[T any](length int, ask func(...management.RequestOption) ([]T, bool, error)) []T {
	var found []T
	for page := 0; ; page++ {
		items, more, err := ask(management.Page(page), management.PerPage(length), management.IncludeTotals(true))
		fine(err)
		found = append(found, items...)
		if !more {
			return found
		}
	}
}

func main() {
	resourceServers()
	permissions := withPermissions()
	roles(permissions)
	fine(api.ResourceServer.Delete(ctx, permissions.GetID()))
	grants()
}

func resourceServers() {
	fmt.Println("resource servers")
	var made []*management.ResourceServer
	for number := range 3 {
		it := &management.ResourceServer{
			Name:          s(fmt.Sprintf("sdk-go %d", number)),
			Identifier:    s(fmt.Sprintf("https://sdk-go.example/v%d?a=b c", number)),
			Scopes:        scopes("read:things", "write:things"),
			TokenLifetime: auth0.Int(60 * 60), TokenLifetimeForWeb: auth0.Int(60),
		}
		fine(api.ResourceServer.Create(ctx, it))
		same(len(it.GetID()), 24)
		same(values(it), []string{"read:things", "write:things"})
		made = append(made, it)
	}
	first := made[0]
	// By the id, and by the identifier, which this client encodes in its own way.
	for _, id := range []string{first.GetID(), first.GetIdentifier()} {
		same(must(api.ResourceServer.Read(ctx, id)), first)
	}
	for _, length := range []int{1, 2, 100} {
		found := all(length, func(options ...management.RequestOption) ([]*management.ResourceServer, bool, error) {
			page, err := api.ResourceServer.List(ctx, options...)
			return page.ResourceServers, page.HasNext(), err
		})
		same(found[0].GetName(), "Auth0 Management API")
		same(found[len(found)-3:], made)
	}
	fine(api.ResourceServer.Update(ctx, first.GetIdentifier(), &management.ResourceServer{
		Name: s("renamed"), Scopes: scopes("write:things", "share:things"),
	}))
	now := must(api.ResourceServer.Read(ctx, first.GetID()))
	same(now.GetName(), "renamed")
	same(values(now), []string{"write:things", "share:things"})
	same(now.GetTokenLifetime(), 60*60)
	fine(api.ResourceServer.Update(ctx, first.GetID(), &management.ResourceServer{Scopes: scopes()}))
	same(values(must(api.ResourceServer.Read(ctx, first.GetID()))), []string{})

	err := api.ResourceServer.Create(ctx, &management.ResourceServer{Identifier: first.Identifier})
	refused(409, "already exists", err)
	err = api.ResourceServer.Update(ctx, first.GetID(), &management.ResourceServer{Scopes: scopes("email")})
	refused(400, "Payload validation error", err)
	for range 2 {
		for _, it := range made {
			fine(api.ResourceServer.Delete(ctx, it.GetID()))
		}
	}
	_, err = api.ResourceServer.Read(ctx, first.GetID())
	refused(404, "The resource server does not exist", err)
	err = api.ResourceServer.Update(ctx, first.GetID(), &management.ResourceServer{Scopes: scopes()})
	refused(404, "The resource server does not exist", err)
}

func withPermissions() *management.ResourceServer {
	it := &management.ResourceServer{
		Name:       s("sdk-go permissions"),
		Identifier: s("https://sdk-go.example/permissions/"),
		Scopes:     scopes("read:files", "share:files", "write:files"),
	}
	fine(api.ResourceServer.Create(ctx, it))
	return it
}

func roles(of *management.ResourceServer) {
	fmt.Println("roles")
	var made []*management.Role
	for number := range 3 {
		it := &management.Role{Name: s(fmt.Sprintf("sdk-go role %d", number)), Description: s("A role")}
		fine(api.Role.Create(ctx, it))
		same(it.GetID()[:4], "rol_")
		made = append(made, it)
	}
	role := made[0]
	same(must(api.Role.Read(ctx, role.GetID())), role)
	for _, length := range []int{1, 2, 100} {
		same(all(length, func(options ...management.RequestOption) ([]*management.Role, bool, error) {
			page, err := api.Role.List(ctx, append(options, management.Parameter("name_filter", "SDK-go ROLE"))...)
			return page.Roles, page.HasNext(), err
		}), made)
	}
	fine(api.Role.Update(ctx, role.GetID(), &management.Role{Description: s("Another")}))
	same(must(api.Role.Read(ctx, role.GetID())).GetDescription(), "Another")
	refused(409, "The role already exists.", api.Role.Create(ctx, &management.Role{Name: role.Name}))

	fmt.Println("permissions of a role")
	named := func(names ...string) []*management.Permission {
		var list []*management.Permission
		for _, name := range names {
			list = append(list, &management.Permission{Name: s(name), ResourceServerIdentifier: of.Identifier})
		}
		return list
	}
	held := func(length int) []string {
		names := []string{}
		for _, it := range all(length, func(options ...management.RequestOption) ([]*management.Permission, bool, error) {
			page, err := api.Role.Permissions(ctx, role.GetID(), options...)
			return page.Permissions, page.HasNext(), err
		}) {
			same(it.GetResourceServerIdentifier(), of.GetIdentifier())
			same(it.GetResourceServerName(), of.GetName())
			same(it.GetDescription(), "May "+it.GetName())
			names = append(names, it.GetName())
		}
		return names
	}
	for range 2 {
		fine(api.Role.AssociatePermissions(ctx, role.GetID(), named("write:files", "read:files", "share:files")))
	}
	for _, length := range []int{1, 2, 100} {
		same(held(length), []string{"read:files", "share:files", "write:files"})
	}
	for range 2 {
		fine(api.Role.RemovePermissions(ctx, role.GetID(), named("share:files")))
	}
	same(held(50), []string{"read:files", "write:files"})
	refused(404, "This permission does not exist", api.Role.AssociatePermissions(ctx, role.GetID(), named("unheard:of")))
	fine(api.ResourceServer.Update(ctx, of.GetID(), &management.ResourceServer{Scopes: scopes("read:files")}))
	same(held(50), []string{"read:files"})

	for _, it := range made {
		fine(api.Role.Delete(ctx, it.GetID()))
	}
	// A role is the one kind of object that can't be deleted twice.
	refused(404, "The role does not exist.", api.Role.Delete(ctx, role.GetID()))
	_, err := api.Role.Read(ctx, role.GetID())
	refused(404, "The role does not exist.", err)
}

func grants() {
	fmt.Println("applications and grants")
	of := withPermissions()
	it := &management.Client{
		Name: s("sdk-go"), AppType: s("non_interactive"), GrantTypes: &[]string{"client_credentials"},
		ClientMetadata: &map[string]any{"team": "files"},
	}
	fine(api.Client.Create(ctx, it))
	read := must(api.Client.Read(ctx, it.GetClientID()))
	same(read.GetClientSecret(), it.GetClientSecret())
	same(read.GetClientMetadata(), map[string]any{"team": "files"})
	grant := &management.ClientGrant{ClientID: it.ClientID, Audience: of.Identifier, Scope: &[]string{"read:files"}}
	fine(api.ClientGrant.Create(ctx, grant))
	same(must(api.ClientGrant.Read(ctx, grant.GetID())), grant)
	refused(409, "", api.ClientGrant.Create(ctx, &management.ClientGrant{ClientID: it.ClientID, Audience: of.Identifier}))
	scope := &[]string{"write:files"}
	fine(api.ClientGrant.Update(ctx, grant.GetID(), &management.ClientGrant{Scope: scope}))
	found := must(api.ClientGrant.List(ctx, management.Parameter("client_id", it.GetClientID())))
	same(len(found.ClientGrants), 1)
	same(found.ClientGrants[0].GetScope(), *scope)

	// Who may read roles, and nothing else.
	own := fmt.Sprintf("https://%s/api/v2/", domain)
	narrow := &management.ClientGrant{ClientID: it.ClientID, Audience: s(own), Scope: &[]string{"read:roles"}}
	fine(api.ClientGrant.Create(ctx, narrow))
	reader := connect(management.WithClientCredentials(ctx, it.GetClientID(), it.GetClientSecret()))
	must(reader.Role.List(ctx))
	refused(403, "Insufficient scope", reader.Role.Create(ctx, &management.Role{Name: s("sdk-go never")}))

	for range 2 {
		fine(api.ClientGrant.Delete(ctx, grant.GetID()))
		fine(api.Client.Delete(ctx, it.GetClientID()))
		fine(api.ResourceServer.Delete(ctx, of.GetID()))
	}
	_, err := api.ClientGrant.Read(ctx, grant.GetID())
	refused(404, "The grant does not exist.", err)
	_, err = api.Client.Read(ctx, it.GetClientID())
	refused(404, "The client does not exist", err)
}

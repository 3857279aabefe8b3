// Permissions, and all that holds them, through the vendor's own client for Go.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"

	unkey "github.com/unkeyed/sdks/api/go/v2"
	"github.com/unkeyed/sdks/api/go/v2/models/apierrors"
	c "github.com/unkeyed/sdks/api/go/v2/models/components"
	"github.com/unkeyed/sdks/api/go/v2/retry"
)

var (
	ctx     = context.Background()
	rootKey = os.Getenv("ROOT_KEY")
	sdk     = client(rootKey)
	p       = unkey.Pointer[int64]
	s       = unkey.String
)

// Longer than any run, so that no window ends in one.
const month = 30 * 24 * 60 * 60 * 1000

// Quotes, an accent and an arrow.
const name = `The "team" café → all of it`

func client(rootKey string) *unkey.Unkey {
	return unkey.New(
		unkey.WithServerURL(os.Getenv("BASE_URL")),
		unkey.WithSecurity(rootKey),
		// No second try: it would hide a server error.
		unkey.WithRetryConfig(retry.Config{Strategy: "none"}),
	)
}

// The store is shared with other clients.
func our(name string) string { return "unkey-go." + name }

// fail names the line of main that was being carried out.
func fail(format string, arguments ...any) {
	for depth := 1; ; depth++ {
		at, _, line, ok := runtime.Caller(depth)
		if !ok || strings.HasPrefix(runtime.FuncForPC(at).Name(), "main.main") {
			log.Fatalf("line %d: %s", line, fmt.Sprintf(format, arguments...))
		}
	}
}

// must is what an operation answered.
func must[T any](answer *T, err error) T {
	if err != nil {
		fail("%v", err)
	}
	return *answer
}

func equal(got, wanted any) {
	if !reflect.DeepEqual(got, wanted) {
		fail("got %+v, wanted %+v", got, wanted)
	}
}

// refused takes all that an operation returned. An error of another type means that the SDK did not recognise it.
func refused[E error](status int64, kind string, answer any, err error) (refusal E) {
	if !errors.As(err, &refusal) {
		fail("wanted a %T, got %T %v", refusal, err, err)
	}
	var told struct {
		Meta  c.Meta      `json:"meta"`
		Error c.BaseError `json:"error"`
	}
	if err := json.Unmarshal([]byte(refusal.Error()), &told); err != nil {
		fail("%v", err)
	}
	at := told.Error
	if at.Status != status || at.Type != "https://unkey.com/docs/errors/"+kind || at.Title == "" || at.Detail == "" ||
		!strings.HasPrefix(told.Meta.RequestID, "req_") {
		fail("wanted %d %s, got %+v", status, kind, told)
	}
	return refusal
}

func absent(noun string) func(any, error) {
	return func(answer any, err error) {
		refused[*apierrors.NotFoundErrorResponse](404, "unkey/data/"+noun+"_not_found", answer, err)
	}
}

func taken(noun string) func(any, error) {
	return func(answer any, err error) {
		refused[*apierrors.ConflictErrorResponse](409, "unkey/data/"+noun+"_already_exists", answer, err)
	}
}

func invalid(kind string) func(any, error) []c.ValidationError {
	return func(answer any, err error) []c.ValidationError {
		return refused[*apierrors.BadRequestErrorResponse](400, kind, answer, err).Error_.Errors
	}
}

// setRolePermissions is newer than this version of the SDK.
func setRolePermissions(role string, slugs ...string) {
	body := must(marshal(map[string]any{"roleId": role, "permissions": slugs}))
	at := os.Getenv("BASE_URL") + "/v2/permissions.setRolePermissions"
	request := must(http.NewRequest("POST", at, bytes.NewReader(body)))
	request.Header.Set("Authorization", "Bearer "+rootKey)
	request.Header.Set("Content-Type", "application/json")
	response := must(http.DefaultClient.Do(&request))
	response.Body.Close()
	equal(response.StatusCode, 200)
}

func marshal(it any) (*[]byte, error) {
	text, err := json.Marshal(it)
	return &text, err
}

// pages is every row of a list; ask answers one page.
func pages[T any](limit int, ask func(cursor *string) ([]T, c.Pagination)) (rows []T) {
	var cursor *string
	for {
		page, then := ask(cursor)
		if len(page) > limit || then.HasMore && (len(page) != limit || then.Cursor == nil) {
			fail("%d rows and %+v for a limit of %d", len(page), then, limit)
		}
		rows = append(rows, page...)
		if !then.HasMore {
			return rows
		}
		cursor = then.Cursor
	}
}

// verify may be given a query of permissions.
func verify(key string, query ...string) c.V2KeysVerifyKeyResponseData {
	request := c.V2KeysVerifyKeyRequestBody{Key: key}
	if len(query) > 0 {
		request.Permissions = &query[0]
	}
	data := must(sdk.Keys.VerifyKey(ctx, request)).V2KeysVerifyKeyResponseBody.Data
	equal(data.Valid, data.Code == c.CodeValid)
	return data
}

func codes(keys []c.V2KeysCreateKeyResponseData, query ...string) (codes []c.Code) {
	for _, it := range keys {
		codes = append(codes, verify(it.Key, query...).Code)
	}
	return codes
}

func permission(at string) (c.Permission, error) {
	answer, err := sdk.Permissions.GetPermission(ctx, c.V2PermissionsGetPermissionRequestBody{Permission: at})
	if err != nil {
		return c.Permission{}, err
	}
	return answer.V2PermissionsGetPermissionResponseBody.Data, nil
}

func role(at string) c.Role {
	request := c.V2PermissionsGetRoleRequestBody{Role: at}
	return must(sdk.Permissions.GetRole(ctx, request)).V2PermissionsGetRoleResponseBody.Data
}

func createPermission(slug string, description *string) c.Permission {
	made := c.Permission{Name: slug + " " + name, Slug: slug, Description: description}
	request := c.V2PermissionsCreatePermissionRequestBody{Name: made.Name, Slug: slug, Description: description}
	answer := must(sdk.Permissions.CreatePermission(ctx, request))
	made.ID = answer.V2PermissionsCreatePermissionResponseBody.Data.PermissionID
	for _, at := range []string{made.ID, slug} {
		found, err := permission(at)
		equal(err, nil)
		equal(found, made)
	}
	return made
}

func deletePermission(at string) (any, error) {
	return sdk.Permissions.DeletePermission(ctx, c.V2PermissionsDeletePermissionRequestBody{Permission: at})
}

func createKey(request c.V2KeysCreateKeyRequestBody) c.V2KeysCreateKeyResponseData {
	return must(sdk.Keys.CreateKey(ctx, request)).V2KeysCreateKeyResponseBody.Data
}

func getKey(id string) c.KeyResponseData {
	return must(sdk.Keys.GetKey(ctx, c.V2KeysGetKeyRequestBody{KeyID: id})).V2KeysGetKeyResponseBody.Data
}

func main() {
	log.SetFlags(0)

	step("APIs")
	named := c.V2ApisCreateAPIRequestBody{Name: name}
	api := must(sdk.Apis.CreateAPI(ctx, named)).V2ApisCreateAPIResponseBody.Data.APIID
	got := must(sdk.Apis.GetAPI(ctx, c.V2ApisGetAPIRequestBody{APIID: api})).V2ApisGetAPIResponseBody.Data
	equal(got, c.V2ApisGetAPIResponseData{ID: api, Name: name})

	step("permissions and a role")
	read := createPermission(our("read"), s(name))
	write := createPermission(our("write"), s(name))
	share := createPermission(our("share"), nil)
	made := []c.Permission{read, write, share}
	slices.SortFunc(made, func(a, b c.Permission) int { return strings.Compare(a.ID, b.ID) })
	listed := pages(1, func(cursor *string) ([]c.Permission, c.Pagination) {
		request := c.V2PermissionsListPermissionsRequestBody{Limit: p(1), Cursor: cursor}
		it := must(sdk.Permissions.ListPermissions(ctx, request)).V2PermissionsListPermissionsResponseBody
		return it.Data, *it.Pagination
	})
	equal(slices.DeleteFunc(listed, func(it c.Permission) bool { return !strings.HasPrefix(it.Slug, our("")) }), made)
	editor := our("editor")
	editing := c.V2PermissionsCreateRoleRequestBody{Name: editor, Description: s(name)}
	roleID := must(sdk.Permissions.CreateRole(ctx, editing)).V2PermissionsCreateRoleResponseBody.Data.RoleID
	equal(role(editor), c.Role{ID: roleID, Name: editor, Description: s(name)})
	setRolePermissions(roleID, read.Slug)
	equal(role(roleID), c.Role{ID: roleID, Name: editor, Description: s(name), Permissions: []c.Permission{read}})
	roles := pages(1, func(cursor *string) ([]c.Role, c.Pagination) {
		request := c.V2PermissionsListRolesRequestBody{Limit: p(1), Cursor: cursor}
		it := must(sdk.Permissions.ListRoles(ctx, request)).V2PermissionsListRolesResponseBody
		return it.Data, *it.Pagination
	})
	equal(slices.ContainsFunc(roles, func(it c.Role) bool { return reflect.DeepEqual(it, role(editor)) }), true)

	step("keys")
	byRole := createKey(c.V2KeysCreateKeyRequestBody{APIID: api, Roles: []string{editor}})
	direct := createKey(c.V2KeysCreateKeyRequestBody{APIID: api, Permissions: []string{read.Slug}})
	both := createKey(c.V2KeysCreateKeyRequestBody{
		APIID: api, Roles: []string{editor}, Permissions: []string{read.Slug, share.Slug},
	})
	holders := []c.V2KeysCreateKeyResponseData{byRole, direct, both}
	const valid, notEnough = c.CodeValid, c.CodeInsufficientPermissions
	equal(codes(holders, read.Slug), []c.Code{valid, valid, valid})
	equal(codes(holders, read.Slug+" AND "+write.Slug), []c.Code{notEnough, notEnough, notEnough})
	equal(codes(holders, "("+write.Slug+" or "+share.Slug+")"), []c.Code{notEnough, notEnough, valid})
	equal(verify(byRole.Key).Roles, []string{editor})
	equal(verify(byRole.Key).Permissions, []string{read.Slug})
	equal(verify("nobody_knows_this").Code, c.CodeNotFound)
	held := pages(1, func(cursor *string) ([]c.KeyResponseData, c.Pagination) {
		request := c.V2ApisListKeysRequestBody{APIID: api, Limit: p(1), Cursor: cursor}
		it := must(sdk.Apis.ListKeys(ctx, request)).V2ApisListKeysResponseBody
		return it.Data, *it.Pagination
	})
	equal(len(held), 3)

	step("a permission is deleted")
	deleting := c.V2PermissionsDeletePermissionRequestBody{Permission: read.ID}
	deleted := must(sdk.Permissions.DeletePermission(ctx, deleting)).V2PermissionsDeletePermissionResponseBody
	equal(deleted.Data, c.EmptyResponse{})
	equal(strings.HasPrefix(deleted.Meta.RequestID, "req_"), true)
	equal(codes(holders, read.Slug), []c.Code{notEnough, notEnough, notEnough})
	equal(codes(holders), []c.Code{valid, valid, valid})
	equal(len(role(roleID).Permissions), 0)
	equal(len(getKey(direct.KeyID).Permissions), 0)
	equal(getKey(both.KeyID).Permissions, []string{share.Slug})
	for _, gone := range []string{read.ID, read.Slug} {
		_, err := permission(gone)
		absent("permission")(nil, err)
		absent("permission")(deletePermission(gone))
	}
	again := createPermission(read.Slug, nil)
	equal(again.ID != read.ID, true)
	equal(codes(holders, read.Slug), []c.Code{notEnough, notEnough, notEnough})
	must(sdk.Permissions.DeletePermission(ctx, c.V2PermissionsDeletePermissionRequestBody{Permission: read.Slug}))

	step("refusals")
	reader := client(os.Getenv("READ_ONLY_ROOT_KEY"))
	for _, at := range []string{write.ID, "absent"} {
		deleting.Permission = at
		answer, err := reader.Permissions.DeletePermission(ctx, deleting)
		refused[*apierrors.ForbiddenErrorResponse](403, "unkey/authorization/insufficient_permissions", answer, err)
	}
	stranger := client("unkey_stranger")
	deleting.Permission = write.ID
	answer, err := stranger.Permissions.DeletePermission(ctx, deleting)
	refused[*apierrors.UnauthorizedErrorResponse](401, "unkey/authentication/key_not_found", answer, err)
	upper := c.V2PermissionsCreatePermissionRequestBody{Name: name, Slug: strings.ToUpper(write.Slug)}
	taken("permission")(sdk.Permissions.CreatePermission(ctx, upper))
	for _, slug := range []string{"", "with a space", strings.Repeat("a", 129)} {
		request := c.V2PermissionsCreatePermissionRequestBody{Name: name, Slug: slug}
		found := invalid("unkey/application/invalid_input")(sdk.Permissions.CreatePermission(ctx, request))
		equal(len(found), 1)
		equal(strings.HasPrefix(found[0].Location, "/properties/slug/") && found[0].Message != "", true)
	}
	unfinished := c.V2KeysVerifyKeyRequestBody{Key: direct.Key, Permissions: s("one AND")}
	invalid("user/bad_request/permissions_query_syntax_error")(sdk.Keys.VerifyKey(ctx, unfinished))
	kept, err := permission(write.Slug)
	equal(err, nil)
	equal(kept, write)

	step("permissions and roles of a key")
	id := direct.KeyID
	slugs := func(rows []c.Permission) (slugs []string) {
		for _, it := range rows {
			slugs = append(slugs, it.Slug)
		}
		slices.Sort(slugs)
		return slugs
	}
	adding := c.V2KeysAddPermissionsRequestBody{KeyID: id, Permissions: []string{write.Slug, share.Slug}}
	added := must(sdk.Keys.AddPermissions(ctx, adding)).V2KeysAddPermissionsResponseBody.Data
	equal(slugs(added), []string{share.Slug, write.Slug})
	removing := c.V2KeysRemovePermissionsRequestBody{KeyID: id, Permissions: []string{share.Slug}}
	removed := must(sdk.Keys.RemovePermissions(ctx, removing)).V2KeysRemovePermissionsResponseBody.Data
	equal(slugs(removed), []string{write.Slug})
	setting := c.V2KeysSetPermissionsRequestBody{KeyID: id, Permissions: []string{}}
	equal(len(must(sdk.Keys.SetPermissions(ctx, setting)).V2KeysSetPermissionsResponseBody.Data), 0)
	setRolePermissions(roleID, share.Slug)
	equal(verify(direct.Key, share.Slug).Code, notEnough)
	on := must(sdk.Keys.AddRoles(ctx, c.V2KeysAddRolesRequestBody{KeyID: id, Roles: []string{editor}}))
	equal(on.V2KeysAddRolesResponseBody.Data[0].ID, roleID)
	equal(verify(direct.Key, share.Slug).Code, valid)
	off := c.V2KeysRemoveRolesRequestBody{KeyID: id, Roles: []string{editor}}
	equal(len(must(sdk.Keys.RemoveRoles(ctx, off)).V2KeysRemoveRolesResponseBody.Data), 0)
	equal(verify(direct.Key, share.Slug).Code, notEnough)
	only := c.V2KeysSetRolesRequestBody{KeyID: id, Roles: []string{editor}}
	equal(must(sdk.Keys.SetRoles(ctx, only)).V2KeysSetRolesResponseBody.Data[0].Name, editor)
	equal(verify(direct.Key, share.Slug).Code, valid)
	must(sdk.Permissions.DeleteRole(ctx, c.V2PermissionsDeleteRoleRequestBody{Role: editor}))
	equal(verify(direct.Key, share.Slug).Code, notEnough)
	absent("role")(sdk.Permissions.GetRole(ctx, c.V2PermissionsGetRoleRequestBody{Role: roleID}))

	step("a key is changed")
	expires := time.Now().UnixMilli() + month
	meta := map[string]any{"plan": "team", "seats": 3.0, "nested": map[string]any{"name": name}}
	change := c.V2KeysUpdateKeyRequestBody{
		KeyID: id, Name: s(name), Meta: meta, Expires: &expires, Enabled: unkey.Bool(false),
		Permissions: []string{share.Slug},
	}
	must(sdk.Keys.UpdateKey(ctx, change))
	equal(verify(direct.Key).Code, c.CodeDisabled)
	whole := getKey(id)
	equal([]any{*whole.Name, whole.Meta, *whole.Expires, whole.Enabled}, []any{name, meta, expires, false})
	equal(whole.Permissions, []string{share.Slug})
	equal(whole.KeyID == id && strings.HasPrefix(direct.Key, whole.Start), true)
	equal(must(sdk.Keys.Whoami(ctx, c.V2KeysWhoamiRequestBody{Key: direct.Key})).V2KeysWhoamiResponseBody.Data, whole)
	must(sdk.Keys.UpdateKey(ctx, c.V2KeysUpdateKeyRequestBody{KeyID: id, Enabled: unkey.Bool(true)}))
	equal(verify(direct.Key, share.Slug).Code, valid)

	step("credits")
	credits := func(operation c.Operation, value *int64) *int64 {
		request := c.V2KeysUpdateCreditsRequestBody{KeyID: id, Operation: operation, Value: value}
		return must(sdk.Keys.UpdateCredits(ctx, request)).V2KeysUpdateCreditsResponseBody.Data.Remaining
	}
	equal(credits(c.OperationSet, p(2)), p(2))
	equal(*verify(direct.Key, write.Slug).Credits, 2)
	equal(*verify(direct.Key).Credits, 1)
	equal(credits(c.OperationIncrement, p(4)), p(5))
	equal(credits(c.OperationDecrement, p(9)), p(0))
	spent := verify(direct.Key)
	equal([]any{spent.Code, *spent.Credits}, []any{c.CodeUsageExceeded, 0})
	unlimited := credits(c.OperationSet, nil)
	equal(unlimited == nil && verify(direct.Key).Credits == nil, true)
	balance := &c.KeyCreditsData{
		Remaining: p(7),
		Refill:    &c.KeyCreditsRefill{Interval: c.KeyCreditsRefillIntervalMonthly, Amount: 9, RefillDay: p(31)},
	}
	paid := createKey(c.V2KeysCreateKeyRequestBody{APIID: api, Prefix: s("paid"), ByteLength: p(24), Credits: balance})
	equal(strings.HasPrefix(paid.Key, "paid_"), true)
	equal(getKey(paid.KeyID).Credits, balance)

	step("a key is rerolled")
	rerolling := c.V2KeysRerollKeyRequestBody{KeyID: paid.KeyID, Expiration: 0}
	next := must(sdk.Keys.RerollKey(ctx, rerolling)).V2KeysRerollKeyResponseBody.Data
	equal([]c.Code{verify(paid.Key).Code, verify(next.Key).Code}, []c.Code{c.CodeExpired, valid})

	step("identities")
	customer := our("customer")
	limit := c.RatelimitRequest{Name: "requests", Limit: 1, Duration: month, AutoApply: unkey.Bool(true)}
	creating := c.V2IdentitiesCreateIdentityRequestBody{
		ExternalID: customer, Meta: meta, Ratelimits: []c.RatelimitRequest{limit},
	}
	created := must(sdk.Identities.CreateIdentity(ctx, creating))
	identityID := created.V2IdentitiesCreateIdentityResponseBody.Data.IdentityID
	taken("identity")(sdk.Identities.CreateIdentity(ctx, creating))
	getting := c.V2IdentitiesGetIdentityRequestBody{Identity: customer}
	identity := must(sdk.Identities.GetIdentity(ctx, getting)).V2IdentitiesGetIdentityResponseBody.Data
	rules := []c.RatelimitResponse{
		{ID: identity.Ratelimits[0].ID, Name: "requests", Limit: 1, Duration: month, AutoApply: true},
	}
	equal(identity, c.Identity{ID: identityID, ExternalID: customer, Meta: meta, Ratelimits: rules})
	theirs := createKey(c.V2KeysCreateKeyRequestBody{APIID: api, ExternalID: &customer})
	first := verify(theirs.Key)
	equal([]any{first.Code, first.Identity.ID, first.Identity.Meta}, []any{valid, identityID, meta})
	equal([]any{first.Ratelimits[0].Exceeded, first.Ratelimits[0].Remaining}, []any{false, int64(0)})
	equal(verify(theirs.Key).Code, c.CodeRateLimited)
	updating := c.V2IdentitiesUpdateIdentityRequestBody{Identity: customer, Meta: map[string]any{"plan": "one"}}
	updated := must(sdk.Identities.UpdateIdentity(ctx, updating)).V2IdentitiesUpdateIdentityResponseBody.Data
	equal(updated.Meta, updating.Meta)
	known := pages(1, func(cursor *string) ([]c.Identity, c.Pagination) {
		request := c.V2IdentitiesListIdentitiesRequestBody{Limit: p(1), Cursor: cursor}
		it := must(sdk.Identities.ListIdentities(ctx, request)).V2IdentitiesListIdentitiesResponseBody
		return it.Data, it.Pagination
	})
	equal(slices.ContainsFunc(known, func(it c.Identity) bool { return it.ID == identityID }), true)
	must(sdk.Identities.DeleteIdentity(ctx, c.V2IdentitiesDeleteIdentityRequestBody{Identity: customer}))
	absent("identity")(sdk.Identities.GetIdentity(ctx, getting))
	orphan := verify(theirs.Key)
	equal(orphan.Code == valid && orphan.Identity == nil, true)

	step("rate limits")
	mail := our("mail")
	once := c.V2RatelimitLimitRequestBody{Namespace: mail, Identifier: name, Limit: 1, Duration: month}
	limited := func() c.V2RatelimitLimitResponseData {
		return must(sdk.Ratelimit.Limit(ctx, once)).V2RatelimitLimitResponseBody.Data
	}
	passed := limited()
	equal(passed, c.V2RatelimitLimitResponseData{Success: true, Limit: 1, Reset: passed.Reset})
	equal(passed.Reset > time.Now().UnixMilli(), true)
	equal(limited().Success, false)
	overriding := c.V2RatelimitSetOverrideRequestBody{Namespace: mail, Identifier: name, Limit: 3, Duration: month}
	overrideID := must(sdk.Ratelimit.SetOverride(ctx, overriding)).V2RatelimitSetOverrideResponseBody.Data.OverrideID
	override := c.RatelimitOverride{OverrideID: overrideID, Identifier: name, Limit: 3, Duration: month}
	which := c.V2RatelimitGetOverrideRequestBody{Namespace: mail, Identifier: name}
	equal(must(sdk.Ratelimit.GetOverride(ctx, which)).V2RatelimitGetOverrideResponseBody.Data, override)
	overrides := must(sdk.Ratelimit.ListOverrides(ctx, c.V2RatelimitListOverridesRequestBody{Namespace: mail}))
	equal(overrides.V2RatelimitListOverridesResponseBody.Data, []c.RatelimitOverride{override})
	raised := limited()
	equal(raised, c.V2RatelimitLimitResponseData{
		Success: true, Limit: 3, Remaining: 1, Reset: raised.Reset, OverrideID: &overrideID,
	})
	ending := c.V2RatelimitDeleteOverrideRequestBody{Namespace: mail, Identifier: name}
	must(sdk.Ratelimit.DeleteOverride(ctx, ending))
	absent("ratelimit_override")(sdk.Ratelimit.GetOverride(ctx, which))

	step("deletions")
	must(sdk.Keys.DeleteKey(ctx, c.V2KeysDeleteKeyRequestBody{KeyID: id}))
	equal(verify(direct.Key).Code, c.CodeNotFound)
	absent("key")(sdk.Keys.GetKey(ctx, c.V2KeysGetKeyRequestBody{KeyID: id}))
	equal(verify(both.Key).Code, valid)
	must(sdk.Apis.DeleteAPI(ctx, c.V2ApisDeleteAPIRequestBody{APIID: api}))
	equal(verify(both.Key).Code, c.CodeNotFound)
	absent("api")(sdk.Apis.GetAPI(ctx, c.V2ApisGetAPIRequestBody{APIID: api}))
	absent("api")(sdk.Keys.CreateKey(ctx, c.V2KeysCreateKeyRequestBody{APIID: api}))
	for _, it := range []c.Permission{write, share} {
		must(sdk.Permissions.DeletePermission(ctx, c.V2PermissionsDeletePermissionRequestBody{Permission: it.ID}))
	}
}

func step(name string) { fmt.Println(name) }

curl --request PATCH \
  --url "$BASE_URL/api/v2/resource-servers/$API_ID" \
  --cacert "$CA_FILE" \
  --fail-with-body --no-progress-meter \
  --header "authorization: Bearer $MGMT_API_ACCESS_TOKEN" \
  --header "cache-control: no-cache" \
  --header "content-type: application/json" \
  --data "{ \"scopes\": $PERMISSIONS }"

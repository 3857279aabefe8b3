# A root key that may verify keys (api.*.verify_key), and the key that a caller has sent
export ROOT_KEY='...'
export API_KEY='...'

curl -X POST {{ v.q(v.verify_url().as_str()) }} \
  -H "Authorization: Bearer $ROOT_KEY" \
  -H 'Content-Type: application/json' \
  -d {{ v.shell_body() }}

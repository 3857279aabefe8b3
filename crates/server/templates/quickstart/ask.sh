# What the application got when it was made
export CLIENT_ID='...'
export CLIENT_SECRET='...'

curl -X POST {{ v.q(v.token_url().as_str()) }} \
  --data-urlencode grant_type=client_credentials \
  --data-urlencode "client_id=$CLIENT_ID" \
  --data-urlencode "client_secret=$CLIENT_SECRET" \
  --data-urlencode {{ v.q(v.audience_pair().as_str()) }}

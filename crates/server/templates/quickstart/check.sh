# The access_token of the answer
export TOKEN='...'

# What it says: scope names what was granted
payload=$(printf '%s' "$TOKEN" | cut -d. -f2 | tr '_-' '/+')
while [ $(( {{ "${#payload}" }} % 4 )) -ne 0 ]; do payload="$payload="; done
printf '%s' "$payload" | base64 -d; echo

{% if v.has_secret %}# This reads it and proves nothing: your API checks its signature ({{ v.algorithm }})
# with the API's signing_secret, which the Management API shows to whoever may read APIs.
{% else %}# This reads it and proves nothing: your API checks its signature ({{ v.algorithm }}) with these keys
curl {{ v.q(v.keys_url().as_str()) }}
{% endif %}

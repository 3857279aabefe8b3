const response = await fetch({{ v.q(v.token_url().as_str()) }}, {
  method: "POST",
  body: new URLSearchParams({
    grant_type: "client_credentials",
    client_id: process.env.CLIENT_ID,
    client_secret: process.env.CLIENT_SECRET,
    audience: {{ v.q(v.audience.as_str()) }},
  }),
});
if (!response.ok) throw new Error(`no token: ${response.status} ${await response.text()}`);

// Use it again until it ends, in expires_in seconds.
const { access_token, expires_in } = await response.json();
console.log(access_token);

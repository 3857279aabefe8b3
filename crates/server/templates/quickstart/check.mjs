{% if v.has_secret %}import { jwtVerify } from "jose";

const key = new TextEncoder().encode(process.env.SIGNING_SECRET);
{% else %}import { createRemoteJWKSet, jwtVerify } from "jose";

const key = createRemoteJWKSet(new URL({{ v.q(v.keys_url().as_str()) }}));
{% endif %}
// Throws if the token is not Keyward's, not for this API, or over.
async function check(token, permission) {
  const { payload } = await jwtVerify(token, key, {
    issuer: {{ v.q(v.issuer.as_str()) }},
    audience: {{ v.q(v.audience.as_str()) }},
    algorithms: ["{{ v.algorithm }}"],
    requiredClaims: ["exp"],
  });
  const granted = (payload.scope ?? "").split(" ");
  if (!granted.includes(permission)) throw new Error(`403: it lacks ${permission}`);
  return payload;
}

console.log(await check(process.env.TOKEN, {{ v.q(v.permission.as_str()) }}));

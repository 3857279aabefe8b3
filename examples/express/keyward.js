// Middleware for an API whose permissions Keyward owns: verifies tokens by the published keys, and refuses what was
// taken away since they were issued.
import { createRemoteJWKSet, jwtVerify } from "jose";

const KINDS = ["jwt", "at+jwt"];

export class Keyward {
  #options;
  #keys;
  #token;
  #revision = 0;
  #heard = 0;
  #removed = new Map(); // permission id -> { value, removed_at }
  #revoked = new Set(); // key ids

  // issuer:      the URL of Keyward, with its slash at the end
  // audience:    the API's identifier
  // clientId, clientSecret: an application with a grant of `read:revocations` on the Management API
  // algorithm:   the API's `signing_alg`; tokens do not get to choose
  // every:       how often to ask what was revoked, in seconds
  // patience:    for how many seconds to go on without an answer to that
  constructor(options) {
    this.#options = { algorithm: "RS256", every: 5, patience: 60, ...options };
    this.#keys = createRemoteJWKSet(new URL(".well-known/jwks.json", options.issuer), { cooldownDuration: 5000 });
  }

  // Asks once, so that nothing is answered before it is known what to refuse, and then again and again.
  async start() {
    await this.#listen();
    const again = async () => {
      await this.#listen().catch((error) => console.error(`keyward: ${error.message}`));
      setTimeout(again, this.#options.every * 1000).unref();
    };
    setTimeout(again, this.#options.every * 1000).unref();
    return this;
  }

  // Lets a request pass whose token has this permission, and puts the token's claims into `request.auth`.
  requires(permission) {
    return async (request, response, next) => {
      const { issuer, audience, algorithm, patience } = this.#options;
      const refuse = (status, error, more = "") => {
        const reason = error ? `, error="${error}"${more}` : "";
        response.status(status).set("WWW-Authenticate", `Bearer realm="api"${reason}`).json({ error });
      };
      // Without news nobody can tell what is still good, so that must not look like good news.
      if (Date.now() - this.#heard > patience * 1000) {
        return response.status(503).set("Retry-After", "5").json({ error: "revocations_unknown" });
      }
      const [scheme, token] = (request.get("authorization") ?? "").split(" ");
      if (scheme.toLowerCase() !== "bearer" || !token) return refuse(401);
      let claims;
      try {
        const verified = await jwtVerify(token, this.#keys, {
          issuer, audience, algorithms: [algorithm], requiredClaims: ["exp", "iat", "sub"],
        });
        const { kid, typ = "JWT" } = verified.protectedHeader;
        if (!KINDS.includes(typ.toLowerCase()) || this.#revoked.has(kid)) return refuse(401, "invalid_token");
        claims = verified.payload;
      } catch {
        return refuse(401, "invalid_token");
      }
      const held = [...(claims.scope ?? "").split(" "), ...(claims.permissions ?? [])];
      if (!held.includes(permission) || this.#isRemoved(permission, claims.iat)) {
        return refuse(403, "insufficient_scope", `, scope="${permission}"`);
      }
      request.auth = claims;
      next();
    };
  }

  // A token from before the removal means a permission that is gone, even if there is another one of the same name.
  #isRemoved(permission, issued) {
    return [...this.#removed.values()].some((gone) => gone.value === permission && issued < gone.removed_at);
  }

  // The feed comes in parts. Only with the last one it is known what to refuse.
  async #listen() {
    while (await this.#listenToPart());
  }

  // Returns whether there is another part.
  async #listenToPart() {
    const { issuer, audience } = this.#options;
    const asked = Date.now();
    const ask = async () => fetch(
      new URL(`api/v2/resource-servers/${encodeURIComponent(audience)}/revocations?since=${this.#revision}`, issuer),
      { headers: { authorization: `Bearer ${(this.#token ??= await this.#newToken())}` }, signal: AbortSignal.timeout(10_000) },
    );
    let answer = await ask();
    if (answer.status === 401) { // our own token is over, or its key was revoked
      this.#token = undefined;
      answer = await ask();
    }
    if (answer.status === 400 && this.#revision > 0) { // another store, or an older copy of it: begin again
      this.#revision = 0;
      this.#removed.clear();
      this.#revoked.clear();
      answer = await ask();
    }
    if (!answer.ok) throw new Error(`the feed of revocations answered ${answer.status}`);
    const { payload } = await jwtVerify(await answer.text(), this.#keys, {
      issuer, audience, algorithms: ["RS256"], typ: "revocations+jwt", requiredClaims: ["exp", "revision"],
    });
    if (payload.since !== this.#revision) throw new Error("the feed of revocations answered another question");
    for (const id of payload.restored) this.#removed.delete(id);
    for (const gone of payload.permissions) this.#removed.set(gone.id, gone);
    for (const key of payload.keys) if (key.state === "revoked") this.#revoked.add(key.kid);
    this.#revision = payload.revision;
    if (!payload.more) this.#heard = asked;
    // The next key is published before it signs: who fetches it now will know its tokens.
    if (payload.keys.length > 0) await this.#keys.reload();
    return payload.more;
  }

  async #newToken() {
    const { issuer, clientId, clientSecret } = this.#options;
    const answer = await fetch(new URL("oauth/token", issuer), {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "client_credentials", client_id: clientId, client_secret: clientSecret,
        audience: new URL("api/v2/", issuer).href, scope: "read:revocations",
      }),
      signal: AbortSignal.timeout(10_000),
    });
    if (!answer.ok) throw new Error(`no token for the feed of revocations: ${answer.status}`);
    return (await answer.json()).access_token;
  }
}

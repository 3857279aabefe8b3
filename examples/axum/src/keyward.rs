//! For an API whose permissions Keyward owns: verifies tokens by the published keys, and refuses what was taken away
//! since they were issued.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, RwLock},
    time::Duration,
};

use axum::{
    Json,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{Jwk, JwkSet},
};
use reqwest::{Client, Url};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use tokio::time::Instant;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// For how long to go on without news of what was revoked.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often at most the keys are fetched again for a key id that is not known.
const KEYS_AGAIN: Duration = Duration::from_secs(5);

/// What the API knows of its issuer and of itself.
pub struct Options {
    /// The URL of Keyward, with its slash at the end.
    pub issuer: String,
    /// The API's identifier.
    pub audience: String,
    /// An application with a grant of `read:revocations` on the Management API.
    pub client_id: String,
    pub client_secret: String,
    /// The API's `signing_alg`; tokens do not get to choose.
    pub algorithm: Algorithm,
}

/// What a token says of its holder.
#[derive(Deserialize)]
pub struct Claims {
    pub sub: String,
    iat: i64,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    permissions: Vec<String>,
}

#[derive(Deserialize)]
struct Feed {
    revision: i64,
    since: i64,
    more: bool,
    permissions: Vec<Removed>,
    restored: Vec<String>,
    keys: Vec<KeyNow>,
}

#[derive(Deserialize)]
struct Removed {
    id: String,
    value: String,
    removed_at: i64,
}

#[derive(Deserialize)]
struct KeyNow {
    kid: String,
    state: String,
}

#[derive(Default)]
struct Known {
    revision: i64,
    heard: Option<Instant>,
    removed: HashMap<String, Removed>,
    revoked: HashSet<String>,
}

/// The published keys by their ids, and when they were fetched last.
type Keys = (HashMap<String, DecodingKey>, Option<Instant>);

pub struct Keyward {
    options: Options,
    client: Client,
    keys: tokio::sync::Mutex<Keys>,
    known: RwLock<Known>,
    token: tokio::sync::Mutex<Option<String>>,
}

impl Keyward {
    /// Asks once, so that nothing is answered before it is known what to refuse, and then again and again.
    pub async fn start(options: Options, client: Client, every: Duration) -> Result<Arc<Self>, Failure> {
        let keyward = Arc::new(Self {
            options,
            client,
            keys: Default::default(),
            known: Default::default(),
            token: Default::default(),
        });
        keyward.listen().await?;
        let weak = Arc::downgrade(&keyward);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let Some(keyward) = weak.upgrade() else { return };
                if let Err(error) = keyward.listen().await {
                    eprintln!("keyward: {error}");
                }
            }
        });
        Ok(keyward)
    }

    /// The claims of the request's token, if it has this permission; otherwise the answer that says why not.
    pub async fn require(&self, headers: &HeaderMap, permission: &str) -> Result<Claims, Response> {
        // Without news nobody can tell what is still good, so that must not look like good news.
        let heard = self.known.read().unwrap().heard;
        if heard.is_none_or(|heard| heard.elapsed() > PATIENCE) {
            let body = Json(json!({ "error": "revocations_unknown" }));
            return Err((StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], body).into_response());
        }
        let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let bearer = sent.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let (_, token) = bearer.ok_or_else(|| refuse(StatusCode::UNAUTHORIZED, ""))?;
        let invalid = |_| refuse(StatusCode::UNAUTHORIZED, ", error=\"invalid_token\"");
        let (kid, claims): (_, Claims) =
            self.verify(token, self.options.algorithm, &["jwt", "at+jwt"]).await.map_err(invalid)?;
        let known = self.known.read().unwrap();
        if known.revoked.contains(&kid) {
            return Err(invalid("its key was revoked".into()));
        }
        // A token from before the removal means a permission that is gone, even if there is another one of its name.
        let is_removed = known.removed.values().any(|gone| gone.value == permission && claims.iat < gone.removed_at);
        let mut held = claims.scope.split(' ').chain(claims.permissions.iter().map(String::as_str));
        if is_removed || !held.any(|held| held == permission) {
            let reason = format!(", error=\"insufficient_scope\", scope=\"{permission}\"");
            return Err(refuse(StatusCode::FORBIDDEN, &reason));
        }
        Ok(claims)
    }

    async fn verify<C: DeserializeOwned>(
        &self,
        token: &str,
        algorithm: Algorithm,
        kinds: &[&str],
    ) -> Result<(String, C), Failure> {
        let header = decode_header(token)?;
        let kind = header.typ.unwrap_or_else(|| "JWT".to_owned()).to_ascii_lowercase();
        if !kinds.contains(&kind.as_str()) {
            return Err("another kind of token".into());
        }
        let kid = header.kid.ok_or("no key id")?;
        let key = self.key(&kid).await?;
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&self.options.issuer]);
        validation.set_audience(&[&self.options.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.leeway = 5;
        Ok((kid, decode(token, &key, &validation)?.claims))
    }

    /// The key with this id. The keys are fetched again for one that is not known, but not by every stranger's request.
    async fn key(&self, kid: &str) -> Result<DecodingKey, Failure> {
        let mut keys = self.keys.lock().await;
        if !keys.0.contains_key(kid) && keys.1.is_none_or(|fetched| fetched.elapsed() > KEYS_AGAIN) {
            self.fetch_keys(&mut keys).await?;
        }
        keys.0.get(kid).cloned().ok_or_else(|| "no such key".into())
    }

    async fn fetch_keys(&self, keys: &mut Keys) -> Result<(), Failure> {
        // Before it is known whether there is an answer: one that fails is not asked for by the next request again.
        keys.1 = Some(Instant::now());
        let url = Url::parse(&self.options.issuer)?.join(".well-known/jwks.json")?;
        let set: JwkSet = self.client.get(url).send().await?.error_for_status()?.json().await?;
        let parse = |key: &Jwk| Some((key.common.key_id.clone()?, DecodingKey::from_jwk(key).ok()?));
        keys.0 = set.keys.iter().filter_map(parse).collect();
        Ok(())
    }

    /// The feed comes in parts. Only with the last one it is known what to refuse.
    async fn listen(&self) -> Result<(), Failure> {
        while self.listen_to_part().await? {}
        Ok(())
    }

    /// Returns whether there is another part.
    async fn listen_to_part(&self) -> Result<bool, Failure> {
        let asked = Instant::now();
        let mut since = self.known.read().unwrap().revision;
        let mut answer = self.ask(since).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            // Our own token is over, or its key was revoked.
            *self.token.lock().await = None;
            answer = self.ask(since).await?;
        }
        if answer.status() == StatusCode::BAD_REQUEST && since > 0 {
            // Another store, or an older copy of it: begin again.
            since = 0;
            answer = self.ask(since).await?;
        }
        let feed = answer.error_for_status()?.text().await?;
        let (_, feed): (_, Feed) = self.verify(&feed, Algorithm::RS256, &["revocations+jwt"]).await?;
        if feed.since != since {
            return Err("the feed of revocations answered another question".into());
        }
        if !feed.keys.is_empty() {
            // The next key is published before it signs: who fetches it now will know its tokens.
            self.fetch_keys(&mut *self.keys.lock().await).await?;
        }
        let mut known = self.known.write().unwrap();
        if since == 0 {
            *known = Known::default();
        }
        for id in feed.restored {
            known.removed.remove(&id);
        }
        known.removed.extend(feed.permissions.into_iter().map(|gone| (gone.id.clone(), gone)));
        known.revoked.extend(feed.keys.into_iter().filter(|key| key.state == "revoked").map(|key| key.kid));
        known.revision = feed.revision;
        if !feed.more {
            known.heard = Some(asked);
        }
        Ok(feed.more)
    }

    async fn ask(&self, since: i64) -> Result<reqwest::Response, Failure> {
        let mut url = Url::parse(&self.options.issuer)?.join("api/v2/resource-servers")?;
        url.path_segments_mut().map_err(|()| "the issuer is no base")?.extend([&self.options.audience, "revocations"]);
        url.query_pairs_mut().append_pair("since", &since.to_string());
        Ok(self.client.get(url).bearer_auth(self.token().await?).send().await?)
    }

    async fn token(&self) -> Result<String, Failure> {
        let mut token = self.token.lock().await;
        if token.is_none() {
            #[derive(Deserialize)]
            struct Answer {
                access_token: String,
            }
            let issuer = Url::parse(&self.options.issuer)?;
            let form = [
                ("grant_type", "client_credentials"),
                ("client_id", &self.options.client_id),
                ("client_secret", &self.options.client_secret),
                ("audience", issuer.join("api/v2/")?.as_str()),
                ("scope", "read:revocations"),
            ]
            .map(|(name, value)| (name, value.to_owned()));
            let answer = self.client.post(issuer.join("oauth/token")?).form(&form).send().await?;
            *token = Some(answer.error_for_status()?.json::<Answer>().await?.access_token);
        }
        token.clone().ok_or_else(|| "no token".into())
    }
}

fn refuse(status: StatusCode, reason: &str) -> Response {
    let challenge = format!("Bearer realm=\"api\"{reason}");
    (status, [(header::WWW_AUTHENTICATE, challenge)]).into_response()
}

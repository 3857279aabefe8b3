//! Keys.

use serde_json::{Value, json};

use super::{envelope, fields::Fields, render};
use crate::{
    http::operation::{Handled, Request},
    service::key::{
        self, CreditsChange, CreditsOperation, KeyChange, MadeKey, MigratedKey, WantedCredits, WantedKey, WantedRefill,
    },
};

fn refill(value: &Value) -> WantedRefill {
    let fields = Fields::of(value);
    WantedRefill {
        monthly: fields.text("interval") == Some("monthly"),
        day: fields.integer("refillDay").and_then(|day| u8::try_from(day).ok()),
        amount: fields.integer("amount").unwrap_or(0),
    }
}

fn credits(value: &Value) -> WantedCredits {
    let fields = Fields::of(value);
    WantedCredits { remaining: fields.integer("remaining"), refill: fields.get("refill").map(refill) }
}

/// What a new key is to be, but for its API.
fn wanted(body: Fields<'_>) -> WantedKey {
    WantedKey {
        api: body.owned("apiId").unwrap_or_default(),
        prefix: body.owned("prefix"),
        name: body.owned("name"),
        bytes: body.integer("byteLength"),
        external_id: body.owned("externalId"),
        meta: body.object("meta"),
        roles: body.texts("roles"),
        permissions: body.texts("permissions"),
        expires_at: body.time("expires"),
        credits: body.get("credits").map(credits),
        limits: body.limits("ratelimits").unwrap_or_default(),
        enabled: body.flag("enabled", true),
        recoverable: body.flag("recoverable", false),
    }
}

fn made(request: &Request, made: &MadeKey) -> crate::http::answer::Answer {
    envelope::data(request, json!({ "keyId": made.id, "key": made.text }))
}

/// Makes a key; its text is in the answer and nowhere else.
pub fn create(request: Request) -> Handled {
    Box::pin(async move {
        let key = key::create(&request.call, wanted(Fields::of(&request.body))).await?;
        Ok(made(&request, &key))
    })
}

/// Shows a key.
pub fn get(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let found = key::get(&request.call, body.required("keyId"), body.flag("decrypt", false)).await?;
        let shown = render::key(&request.call.app.view().snapshot, &found);
        Ok(envelope::data(&request, shown))
    })
}

/// Shows the key with this text.
pub fn whoami(request: Request) -> Handled {
    Box::pin(async move {
        let found = key::whoami(&request.call, Fields::of(&request.body).required("key")).await?;
        let shown = render::key(&request.call.app.view().snapshot, &found);
        Ok(envelope::data(&request, shown))
    })
}

/// Changes a key: what is absent stays, null clears.
pub fn update(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let list = |name| body.get(name).map(|_| body.texts(name));
        let change = KeyChange {
            name: body.clearable("name", text),
            external_id: body.clearable("externalId", text),
            meta: body.clearable("meta", |value| Some(value.clone())),
            expires_at: body.clearable("expires", |_| body.time("expires")),
            credits: body.clearable("credits", |value| {
                let fields = Fields::of(value);
                Some(CreditsChange {
                    remaining: fields.clearable("remaining", |_| fields.integer("remaining")),
                    refill: fields.clearable("refill", |value| Some(refill(value))),
                })
            }),
            enabled: body.get("enabled").and_then(Value::as_bool),
            limits: body.limits("ratelimits"),
            roles: list("roles"),
            permissions: list("permissions"),
            seen: None,
        };
        key::update(&request.call, body.required("keyId"), change).await?;
        Ok(envelope::data(&request, json!({})))
    })
}

/// Deletes a key: it is refused from the answer on.
pub fn delete(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        key::delete(&request.call, body.required("keyId"), body.flag("permanent", false)).await?;
        Ok(envelope::data(&request, json!({})))
    })
}

/// Makes a key anew, with a grace period for the old one.
pub fn reroll(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let key = key::reroll(&request.call, body.required("keyId"), body.integer("expiration").unwrap_or(0)).await?;
        Ok(made(&request, &key))
    })
}

/// Changes how often a key may be used.
pub fn update_credits(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let value = body.integer("value");
        let operation = match body.text("operation") {
            Some("increment") => CreditsOperation::Increment(value),
            Some("decrement") => CreditsOperation::Decrement(value),
            _ => CreditsOperation::Set(value),
        };
        let found = key::update_credits(&request.call, body.required("keyId"), operation).await?;
        Ok(envelope::data(&request, render::credits(found.as_ref())))
    })
}

/// Takes over keys that were made elsewhere.
pub fn migrate(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let list = body.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let keys = list.iter().map(|item| {
            let fields = Fields::of(item);
            MigratedKey { hash: fields.required("hash"), wanted: wanted(fields) }
        });
        let place = (body.required("migrationId"), body.required("apiId"));
        let outcome = key::migrate(&request.call, place, keys.collect()).await?;
        let migrated: Vec<Value> =
            outcome.migrated.iter().map(|(hash, id)| json!({ "hash": hash, "keyId": id })).collect();
        Ok(envelope::data(&request, json!({ "migrated": migrated, "failed": outcome.failed })))
    })
}

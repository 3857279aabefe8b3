//! Trying a key: whether it verifies, and what it may do.

use http::StatusCode;
use keyward_core::{
    Problem,
    model::key::{QUERY_MAX, TEXT_MAX, fits},
    verify::{Code, Held},
};

use super::{
    apis::find,
    form,
    key_form::Errors,
    keys::keyed,
    page::thousands,
    table::{EDIT, VIEW, answer_at, page_at},
    trial_page::{Outcome, Verdict, Verified, show_trial},
};
use crate::{
    http::operation::{Handled, Operation, Request},
    service::verification::{self, Judged, Known, Question},
};

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    let verify =
        answer_at("console_key_verify", "/apis/{id}/test/key", ("Verify a key, as the API would", EDIT), verify);
    vec![
        page_at("console_test", "/apis/{id}/test", ("Ask for a key or an application to try", VIEW), &[], ask),
        // Usage records it, as any other verification.
        Operation { audit: None, ..verify },
    ]
}

/// Asks for a key or an application to try.
pub(super) fn ask(request: Request) -> Handled {
    Box::pin(async move { show_trial(&request, find(&request)?, (StatusCode::OK, Outcome::default())) })
}

/// Verifies a key and says what came of it.
pub(super) fn verify(request: Request) -> Handled {
    Box::pin(async move {
        let entry = keyed(&request)?;
        let (text, query) = (form::text(&request.body, "secret"), form::text(&request.body, "permissions"));
        let mut errors = Errors::default();
        if !fits(text, TEXT_MAX) {
            errors.add("secret", format!("Paste a key: up to {TEXT_MAX} characters."));
        }
        if !query.is_empty() && !fits(query, QUERY_MAX) {
            errors.add("permissions", format!("A query has at most {QUERY_MAX} characters."));
        }
        let verdict = if errors.is_empty() {
            match verdict(&request, entry.api.number, (text, query)).await {
                Ok(verdict) => Some(verdict),
                Err(Problem::Query(text)) => {
                    errors.add("permissions", format!("This query can't be read: {text}"));
                    None
                }
                Err(problem) => return Err(problem),
            }
        } else {
            None
        };
        let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        let shown = Outcome { query: query.to_owned(), verdict, errors, ..Outcome::default() };
        show_trial(&request, entry, (status, shown))
    })
}

async fn verdict(
    request: &Request,
    api: keyward_core::model::api::ApiNumber,
    (text, query): (&str, &str),
) -> Result<Verdict, Problem> {
    let (call, arrival) = (&request.call, &request.incoming.arrival);
    let app = &call.app;
    let question = Question {
        permissions: (!query.is_empty()).then_some(query),
        limits: Vec::new(),
        cost: None,
        tags: Vec::new(),
        address: arrival.ip,
        now: call.now,
    };
    let absent = Verdict { key: None, missing: Vec::new(), ..said(Code::NotFound) };
    let Some(known) = verification::find(app, text, call.now).await? else { return Ok(absent) };
    let judged = verification::judge(app, &known.view.snapshot, &known.entry, call.grants()?, &question)?;
    let Some(mut judged) = judged else { return Ok(absent) };
    let key = known.entry.key();
    verification::pay(app, key, &mut judged, &question).await?;
    let microseconds = u32::try_from(arrival.begun.elapsed().as_micros()).unwrap_or(u32::MAX);
    verification::record(app, key, &judged, &question, (app.next_key_request(), microseconds));
    let missing = judged.missing.iter().map(|one| (*one).to_owned()).collect();
    Ok(Verdict { key: verified(&known, api, &judged), missing, ..said(judged.code) })
}

fn verified(known: &Known, api: keyward_core::model::api::ApiNumber, judged: &Judged<'_>) -> Option<Verified> {
    let (snapshot, key) = (&known.view.snapshot, known.entry.key());
    let entry = snapshot.api_numbered(key.api)?;
    let mut permissions: Vec<String> =
        Held::of(snapshot, key).permissions.iter().map(|permission| permission.value.to_string()).collect();
    permissions.sort_unstable();
    Some(Verified {
        link: format!("/apis/{}/keys/{}", entry.api.id, key.id()),
        name: key.name().unwrap_or("Unnamed key").to_owned(),
        other_api: (key.api != api).then(|| entry.api.display_name().to_owned()),
        permissions,
        credits: judged.credits.map(thousands),
    })
}

/// What a code means, for people.
fn said(code: Code) -> Verdict {
    let text = match code {
        Code::Valid => "The key may do this.",
        Code::NotFound => "There is no such key. It may have been deleted, or a part of it is missing.",
        Code::Forbidden => "The API takes keys from some addresses only, and yours is not one of them.",
        Code::InsufficientPermissions => "The key does not hold what the query asks for.",
        Code::UsageExceeded => "The key has no credits left.",
        Code::RateLimited => "The key was used too often. Its limit lets it in again later.",
        Code::Disabled => "The key is switched off.",
        Code::Expired => "The key's time is over.",
    };
    Verdict { code: code.as_str(), is_valid: code == Code::Valid, text, missing: Vec::new(), key: None }
}

//! Lists of users: in an order, a page at a time, and of those only that a condition holds for.
//!
//! Every order has an index, so a page costs what it shows. A condition on an id, an email, a username, the beginning
//! of one of them or of a name, or a time, is looked up in such an index as well. Any other condition is held against
//! one user after the other, and whoever asks for too many of them is told so.

use keyward_core::{
    Problem,
    model::{
        connection::PROVIDER,
        user::{User, UserOrder},
    },
    problem::{Invalid, Part},
    user_search::{Condition, Field, Span, Test},
};
use keyward_store::{
    Error, Tx,
    ledger::{connection, user_walk::Walk},
};

use crate::app::Call;

/// The most users that one search looks at.
pub const REACH: usize = 10_000;
/// The users that are read at once.
const CHUNK: i64 = 500;

/// What somebody looks for.
#[derive(Debug, Clone)]
pub struct Search {
    /// What must hold, if anything.
    pub condition: Option<Condition>,
    /// The order.
    pub order: UserOrder,
    /// Whether the last one comes first.
    pub down: bool,
    /// How many to pass over, and how many to show.
    pub page: (i64, i64),
    /// Whether all of them are to be counted.
    pub totals: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// The page.
    pub users: Vec<User>,
    /// How many there are on all pages, if that was asked for.
    pub total: Option<i64>,
}

/// One page of users.
///
/// # Errors
/// [`Problem::Invalid`] when too many users would have to be looked at.
pub async fn list(call: &Call, search: Search) -> Result<Found, Problem> {
    let work = call.clone();
    let read = call.app.store.read(move |tx| Box::pin(async move { look(tx, &work, search).await }));
    Ok(read.await?)
}

/// The first users whose email, name, username or id begins with this text, in this order; of an id, its own part will
/// do. Each of them is looked up in an index, so it costs as much however many users there are.
///
/// # Errors
/// Why the store can't be read.
pub async fn beginning(call: &Call, text: String, limit: usize) -> Result<Vec<User>, Problem> {
    let begins = |field: Field, text: &str| Condition::Term(field, Test::Begins(text.to_owned()));
    let member = |name: &str| begins(Field::Member(vec![name.to_owned()]), &text);
    let own = begins(Field::Id, &format!("{PROVIDER}|{text}"));
    let all = [member("email"), member("name"), member("username"), begins(Field::Id, &text), own];
    let work = call.clone();
    let read = call.app.store.read(move |tx| {
        Box::pin(async move {
            let mut found: Vec<User> = Vec::new();
            for condition in all {
                let order = condition.span().map_or(UserOrder::CreatedAt, |span| span.order);
                let page = (0, i64::try_from(limit).unwrap_or(i64::MAX));
                let search = Search { condition: Some(condition), order, down: false, page, totals: false };
                let more = look(tx, &work, search).await?.users;
                found.extend(
                    more.into_iter()
                        .filter(|user| found.iter().all(|known| known.number != user.number))
                        .collect::<Vec<_>>(),
                );
            }
            found.truncate(limit);
            Ok(found)
        })
    });
    Ok(read.await?)
}

async fn look(tx: &mut Tx<'_>, call: &Call, search: Search) -> Result<Found, Error> {
    let whole = Span::whole(search.order);
    let Some(condition) = &search.condition else { return page(tx, call, &search).await };
    let connections = connection::list(tx, call.workspace).await?;
    let known: Vec<_> = connections.iter().map(|connection| condition.for_all_of(&connection.name)).collect();
    if known.iter().all(|known| *known == Some(true)) {
        return page(tx, call, &search).await;
    }
    if known.iter().all(|known| *known == Some(false)) {
        return Ok(Found { users: Vec::new(), total: search.totals.then_some(0) });
    }
    match condition.span() {
        Some(span) if span.order != search.order => {
            let all = Search { page: (0, i64::MAX), totals: true, ..search.clone() };
            let mut found = through(tx, call, span, &all).await?;
            found.users.sort_by_key(|user| (user.place(search.order), user.number));
            if search.down {
                found.users.reverse();
            }
            let [offset, limit] = [search.page.0, search.page.1].map(|n| usize::try_from(n).unwrap_or(usize::MAX));
            found.users = found.users.into_iter().skip(offset).take(limit).collect();
            found.total = found.total.filter(|_| search.totals);
            Ok(found)
        }
        span => through(tx, call, span.unwrap_or(whole), &search).await,
    }
}

/// A page of all users: nothing has to be looked at but what is shown, and nothing counted.
async fn page(tx: &mut Tx<'_>, call: &Call, search: &Search) -> Result<Found, Error> {
    let mut walk = Walk::new(Span::whole(search.order), search.down);
    let users = walk.next(tx, call.workspace, search.page).await?;
    let total = if search.totals { Some(connection::count_users(tx, call.workspace).await?) } else { None };
    Ok(Found { users, total })
}

/// Holds the condition against the users of a piece of an order, one after the other, until the page is full.
async fn through(tx: &mut Tx<'_>, call: &Call, span: Span, search: &Search) -> Result<Found, Error> {
    let mut walk = Walk::new(span, search.down);
    let ((offset, limit), mut found, mut looked_at) = (search.page, Found::default(), 0);
    let mut matching: i64 = 0;
    loop {
        let chunk = walk.next(tx, call.workspace, (0, CHUNK)).await?;
        let is_last = i64::try_from(chunk.len()).unwrap_or(i64::MAX) < CHUNK;
        looked_at += chunk.len();
        for user in chunk {
            if search.condition.as_ref().is_some_and(|condition| !condition.holds(&user)) {
                continue;
            }
            if matching >= offset && matching - offset < limit {
                found.users.push(user);
            }
            matching += 1;
        }
        let is_full = !search.totals && matching.saturating_sub(offset) >= limit;
        if is_last || is_full {
            break;
        }
        if looked_at >= REACH {
            let detail = format!(
                "More than {REACH} users would have to be looked at: look for an email, a user_id, a username or the \
                 beginning of a name as well, or leave include_totals out"
            );
            return Err(Problem::Invalid(Invalid::property(Part::Query, "q", detail)).into());
        }
    }
    found.total = search.totals.then_some(matching);
    Ok(found)
}

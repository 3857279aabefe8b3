//! When a permission was last used, and how often each day: words and a small plot.

use keyward_core::{
    Problem,
    model::permission_usage::{PermissionHistory, User},
};

use super::page::time;
use crate::{
    http::operation::Request,
    service::{key, permission_usage},
};

/// How high the plot is, and its longest bar.
const HEIGHT: i64 = 24;
const LONGEST: i64 = 22;

/// What pages show of a permission's uses.
#[derive(Debug, Clone, Default)]
pub(super) struct Used {
    /// When last, as HTML; empty if never.
    pub(super) at: String,
    /// By whom.
    pub(super) by: String,
    /// What kind of user that is.
    pub(super) kind: &'static str,
    /// How often in the days that are plotted.
    pub(super) total: i64,
    /// The plot, as HTML.
    pub(super) plot: String,
}

/// A plot of these days, named by what it is of.
fn plot(request: &Request, value: &str, history: &PermissionHistory) -> (String, i64) {
    let counts: Vec<i64> = permission_usage::days(request.call.now)
        .map(|day| match history.days.binary_search_by_key(&day, |(known, _)| *known) {
            Ok(place) => history.days[place].1,
            Err(_) => 0,
        })
        .collect();
    let (most, total) = (counts.iter().copied().max().unwrap_or(0).max(1), counts.iter().sum::<i64>());
    let (mut bars, mut nothing) = (String::new(), String::new());
    for (nth, count) in counts.iter().enumerate() {
        // Whatever was used at all has a bar that can be seen.
        let (path, height) = match *count {
            0 => (&mut nothing, 1),
            count => (&mut bars, (count.saturating_mul(LONGEST) / most).max(2)),
        };
        path.push_str(&format!("M{} {}h2v{height}h-2z", nth * 3, HEIGHT - height));
    }
    let label = super::page::escaped(&format!("{value}: {total} uses in {} days", counts.len()));
    let drawn = format!(r#"<path d="{bars}"/><path class="zero" d="{nothing}"/>"#);
    (format!(r#"<svg class="spark" viewBox="0 0 90 {HEIGHT}" role="img" aria-label="{label}">{drawn}</svg>"#), total)
}

/// What is shown in a list: without the name of who it was.
pub(super) fn in_list(request: &Request, value: &str, history: Option<&PermissionHistory>) -> Used {
    let nothing = PermissionHistory::default();
    let history = history.unwrap_or(&nothing);
    let (plot, total) = plot(request, value, history);
    let at = history.last.as_ref().map(|(at, _)| time(*at, "relative")).unwrap_or_default();
    Used { at, plot, total, ..Used::default() }
}

/// What is shown of one permission.
///
/// # Errors
/// Why the name of a key can't be read.
pub(super) async fn used(request: &Request, value: &str, history: Option<&PermissionHistory>) -> Result<Used, Problem> {
    let mut used = in_list(request, value, history);
    let Some((_, user)) = history.and_then(|history| history.last.as_ref()) else { return Ok(used) };
    match user {
        User::Client(id) => {
            let client = request.view.snapshot.client(request.call.workspace, id);
            used.by = client.map_or_else(|| id.clone(), |client| client.name.clone());
            used.kind = "application";
        }
        User::Key(id) => {
            let found = key::label(&request.call, id.clone()).await?;
            used.by = found.unwrap_or_else(|| id.clone());
            used.kind = "API key";
        }
    }
    Ok(used)
}

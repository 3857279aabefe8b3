//! Pages of users and of what they hold, besides what all pages have.

use keyward_core::{
    Problem,
    problem::{Invalid, Part},
};
use serde_json::{Map, Value};

use super::paging;
pub use super::paging::{FROM, INCLUDE_TOTALS, PAGE, TAKE};
use crate::http::{operation::Parameter, query};

/// How long a page is.
pub const PER_PAGE: Parameter = paging::per_page("Entries on a page");
/// The parameters of a list that has pages.
pub const OFFSET: &[Parameter] = &[PAGE, PER_PAGE, INCLUDE_TOTALS];

/// The text of a parameter that must be there.
///
/// # Errors
/// [`Problem::Invalid`] when it is not.
pub fn required<'q>(query: &'q Map<String, Value>, name: &str) -> Result<&'q str, Problem> {
    query::text(query, name)
        .ok_or_else(|| Problem::Invalid(Invalid::whole(Part::Query, format!("Missing required property: {name}"))))
}

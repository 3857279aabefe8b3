//! The Management API: Auth0's words, one file per noun.

pub mod client_grants;
pub mod client_query;
pub mod client_schema;
pub mod client_table;
pub mod clients;
pub mod connection_clients;
pub mod connections;
pub mod credentials;
pub mod device_credentials;
pub mod grants;
pub mod impact;
pub mod impact_schema;
pub mod log_query;
pub mod logs;
pub mod paging;
pub mod permission_usage;
pub mod resource_servers;
pub mod revocations;
pub mod role_permissions;
pub mod roles;
pub mod roles_schema;
pub mod roles_table;
pub mod schema;
pub mod scopes;
pub mod signing_keys;
pub mod signing_keys_schema;
pub mod signing_keys_table;
pub mod tenant_schema;
pub mod tenant_table;
pub mod tenants;
pub mod user_effective;
pub mod user_pages;
pub mod user_permissions;
pub mod user_query;
pub mod user_roles;
pub mod users;
pub mod users_schema;
pub mod users_table;

use http::{HeaderMap, header};
use keyward_core::{
    model::permission::{PermissionValue, PermissionValueError, VALUE_MAX, Wanted},
    problem::{Invalid, Part},
};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::service::{Precondition, api::Reference};

/// What a path segment may mean: itself, or what it encodes once more. Clients encode identifiers once or twice, and
/// the original takes both (contract: base and body).
fn reference(segment: &str) -> Reference {
    let mut meanings = vec![segment.to_owned()];
    let upper = segment.to_ascii_uppercase();
    if ["%2F", "%3A", "%7C"].iter().any(|mark| upper.contains(mark)) {
        meanings.extend(percent_decode_str(segment).decode_utf8().map(std::borrow::Cow::into_owned));
    }
    meanings
}

/// What the caller says it has seen (RFC 9110 §13.1.1). A weak tag never matches.
fn precondition(headers: &HeaderMap) -> Precondition {
    // A value that is no text matches nothing; leaving it out would make the change unconditional.
    let sent: Vec<_> =
        headers.get_all(header::IF_MATCH).iter().map(|value| value.to_str().unwrap_or("unreadable")).collect();
    if sent.is_empty() {
        return Precondition::None;
    }
    let sent = sent.join(", ");
    if sent.trim() == "*" {
        return Precondition::Exists;
    }
    let tags = sent.split(',').filter_map(|tag| tag.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok());
    Precondition::Versions(tags.collect(), sent.clone())
}

/// The permission's value, or its refusal with its place in the body.
fn parse_value(text: &str, property: String) -> Result<PermissionValue, Invalid> {
    PermissionValue::parse(text).map_err(|error| {
        let detail = match error {
            PermissionValueError::Empty => "String is too short (0 chars), minimum 1".to_owned(),
            PermissionValueError::TooLong(length) => {
                format!("String is too long ({length} chars), maximum {VALUE_MAX}")
            }
            PermissionValueError::Space => format!("Scope value \"{text}\" has white space, which separates scopes"),
            PermissionValueError::Reserved => format!("Scope value \"{text}\" is reserved"),
        };
        Invalid::property(Part::Body, property, detail)
    })
}

/// One entry of a body's list of scopes, whose form was checked.
fn parse_wanted(entry: &Value, property: &str) -> Result<Wanted, Invalid> {
    let text = entry.get("value").and_then(Value::as_str).unwrap_or_default();
    let path = if property.is_empty() { "value".to_owned() } else { format!("{property}.value") };
    let description = entry.get("description").and_then(Value::as_str).map(str::to_owned);
    Ok(Wanted { value: parse_value(text, path)?, description })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_segment_means_itself_first_and_then_what_it_encodes() {
        assert_eq!(reference("abc%41"), ["abc%41"]);
        assert_eq!(reference("https:%2F%2Fa%2f"), ["https:%2F%2Fa%2f", "https://a/"]);
    }

    #[test]
    fn if_match_reads_lists_stars_and_weak_tags() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, HeaderValue::from_static(text));
            precondition(&headers)
        };
        assert_eq!(precondition(&HeaderMap::new()), Precondition::None);
        assert_eq!(of("*"), Precondition::Exists);
        assert_eq!(of("\"3\", \"4\""), Precondition::Versions(vec![3, 4], "\"3\", \"4\"".to_owned()));
        assert_eq!(of("W/\"3\""), Precondition::Versions(vec![], "W/\"3\"".to_owned()));
        assert_eq!(of("nonsense"), Precondition::Versions(vec![], "nonsense".to_owned()));
    }
}

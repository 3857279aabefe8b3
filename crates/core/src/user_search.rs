//! What somebody looks for among users: read from a query elsewhere, decided here for one user at a time.

use serde_json::Value;

use crate::{
    model::{
        connection::PROVIDER,
        role::folded,
        user::{User, UserOrder, UserPlace},
    },
    time::Timestamp,
};

/// After every text that begins with the same characters.
const LAST: char = '\u{10ffff}';

/// A condition on a user.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// A field is so.
    Term(Field, Test),
    /// All of them hold.
    All(Vec<Condition>),
    /// Any of them holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
}

/// What a condition is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// The user's id.
    Id,
    /// When the user was made.
    CreatedAt,
    /// When the user was changed last.
    UpdatedAt,
    /// The name of the user's connection.
    Connection,
    /// The provider of that connection.
    Provider,
    /// A field of the user, and members within it.
    Member(Vec<String>),
}

/// How a field should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// This value, whatever the case.
    Is(String),
    /// Beginning like this, whatever the case.
    Begins(String),
    /// There at all.
    Exists,
    /// Not before, and not after.
    Between(Option<Timestamp>, Option<Timestamp>),
}

/// A piece of an order in which all users are that a condition can hold for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The order.
    pub order: UserOrder,
    /// The first place.
    pub first: UserPlace,
    /// The last place.
    pub last: UserPlace,
    /// Whether there are a few users in it at most.
    pub exact: bool,
}

impl Span {
    /// All of an order.
    pub fn whole(order: UserOrder) -> Self {
        let (first, last) = match order {
            UserOrder::CreatedAt | UserOrder::UpdatedAt => (UserPlace::Time(i64::MIN), UserPlace::Time(i64::MAX)),
            _ => (UserPlace::Text(String::new()), UserPlace::Text(LAST.to_string())),
        };
        Self { order, first, last, exact: false }
    }
}

impl Condition {
    /// Whether it holds for this user.
    pub fn holds(&self, user: &User) -> bool {
        match self {
            Self::Term(field, test) => field.fits(user, test),
            Self::All(parts) => parts.iter().all(|part| part.holds(user)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(user)),
            Self::Not(part) => !part.holds(user),
        }
    }

    /// Whether it holds for all users of a connection alike, or for none, if that can be said.
    pub fn for_all_of(&self, connection: &str) -> Option<bool> {
        match self {
            Self::Term(Field::Connection, test) => Some(test.accepts(connection)),
            Self::Term(Field::Provider, test) => Some(test.accepts(PROVIDER)),
            Self::Term(..) => None,
            Self::All(parts) => {
                let known: Vec<_> = parts.iter().map(|part| part.for_all_of(connection)).collect();
                if known.contains(&Some(false)) {
                    Some(false)
                } else {
                    known.into_iter().all(|k| k == Some(true)).then_some(true)
                }
            }
            Self::Any(parts) => {
                let known: Vec<_> = parts.iter().map(|part| part.for_all_of(connection)).collect();
                if known.contains(&Some(true)) {
                    Some(true)
                } else {
                    known.into_iter().all(|k| k == Some(false)).then_some(false)
                }
            }
            Self::Not(part) => part.for_all_of(connection).map(|known| !known),
        }
    }

    /// The smallest piece of an order that has all users it can hold for, if there is one.
    pub fn span(&self) -> Option<Span> {
        match self {
            Self::Term(field, test) => field.span(test),
            Self::All(parts) => {
                let spans: Vec<Span> = parts.iter().filter_map(Self::span).collect();
                spans.iter().find(|span| span.exact).or(spans.first()).cloned()
            }
            Self::Any(_) | Self::Not(_) => None,
        }
    }
}

impl Field {
    fn fits(&self, user: &User, test: &Test) -> bool {
        match self {
            // An id is compared as it is: two that differ in case are two.
            Self::Id => match test {
                Test::Is(text) => user.id == *text,
                Test::Begins(text) => user.id.starts_with(text.as_str()),
                Test::Exists => true,
                Test::Between(..) => false,
            },
            Self::CreatedAt => test.covers(user.created_at),
            Self::UpdatedAt => test.covers(user.updated_at),
            Self::Connection => test.accepts(&user.connection_name),
            Self::Provider => test.accepts(PROVIDER),
            Self::Member(path) => {
                let Some((first, rest)) = path.split_first() else { return false };
                user.fields.get(first).is_some_and(|value| within(value, rest, test))
            }
        }
    }

    fn span(&self, test: &Test) -> Option<Span> {
        let order = match self {
            Self::Id => UserOrder::Id,
            Self::CreatedAt => UserOrder::CreatedAt,
            Self::UpdatedAt => UserOrder::UpdatedAt,
            Self::Member(path) => match path.as_slice() {
                [name] if name == "email" => UserOrder::Email,
                [name] if name == "username" => UserOrder::Username,
                [name] if name == "name" => UserOrder::Name,
                _ => return None,
            },
            Self::Connection | Self::Provider => return None,
        };
        let place = |text: &str| if order == UserOrder::Id { text.to_owned() } else { folded(text) };
        match test {
            Test::Is(text) => {
                let place = UserPlace::Text(place(text));
                Some(Span { order, first: place.clone(), last: place, exact: order != UserOrder::Name })
            }
            Test::Begins(text) => {
                let (first, last) = (place(text), format!("{}{LAST}", place(text)));
                Some(Span { order, first: UserPlace::Text(first), last: UserPlace::Text(last), exact: false })
            }
            Test::Between(since, until) => {
                let time = |edge: &Option<Timestamp>, default| UserPlace::Time(edge.map_or(default, |time| time.0));
                Some(Span { order, first: time(since, i64::MIN), last: time(until, i64::MAX), exact: false })
            }
            Test::Exists => None,
        }
    }
}

/// Whether a value, or any in its lists, fits at the end of the path.
fn within(value: &Value, path: &[String], test: &Test) -> bool {
    match (value, path) {
        (Value::Array(items), _) => items.iter().any(|item| within(item, path, test)),
        (Value::Object(fields), [first, rest @ ..]) => fields.get(first).is_some_and(|value| within(value, rest, test)),
        (Value::Object(_), []) => *test == Test::Exists,
        (_, [_, ..]) | (Value::Null, []) => false,
        (Value::String(text), []) => test.accepts(text),
        (other, []) => test.accepts(&other.to_string()),
    }
}

impl Test {
    fn accepts(&self, value: &str) -> bool {
        match self {
            Self::Is(text) => folded(value) == folded(text),
            Self::Begins(text) => folded(value).starts_with(&folded(text)),
            Self::Exists => true,
            Self::Between(..) => false,
        }
    }

    fn covers(&self, time: Timestamp) -> bool {
        match self {
            Self::Between(since, until) => {
                since.is_none_or(|since| time >= since) && until.is_none_or(|until| time <= until)
            }
            Self::Exists => true,
            Self::Is(_) | Self::Begins(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{WorkspaceNumber, connection::ConnectionNumber, user::UserNumber};

    fn user() -> User {
        let fields = json!({
            "email": "jane@example.com", "name": "Jane Doe", "email_verified": false,
            "app_metadata": {"plan": {"level": 3}, "tags": ["Red", "blue"]},
        });
        User {
            number: UserNumber(1),
            workspace: WorkspaceNumber::FIRST,
            connection: ConnectionNumber(1),
            connection_name: "db".to_owned(),
            id: "auth0|Ab".to_owned(),
            fields: fields.as_object().cloned().unwrap_or_default(),
            created_at: Timestamp(1000),
            updated_at: Timestamp(2000),
        }
    }

    fn member(path: &str, test: Test) -> Condition {
        Condition::Term(Field::Member(path.split('.').map(str::to_owned).collect()), test)
    }

    fn is(path: &str, value: &str) -> Condition {
        member(path, Test::Is(value.to_owned()))
    }

    #[test]
    fn conditions_hold_or_not() {
        let cases = [
            (is("email", "Jane@Example.com"), true),
            (is("email", "jane@example"), false),
            (member("name", Test::Begins("jane d".to_owned())), true),
            (is("email_verified", "false"), true),
            (is("blocked", "false"), false),
            (is("app_metadata.plan.level", "3"), true),
            (is("app_metadata.plan", "3"), false),
            (is("app_metadata.tags", "red"), true),
            (member("app_metadata.plan", Test::Exists), true),
            (member("user_metadata", Test::Exists), false),
            (Condition::Term(Field::Id, Test::Is("auth0|ab".to_owned())), false),
            (Condition::Term(Field::Id, Test::Begins("auth0|A".to_owned())), true),
            (Condition::Term(Field::CreatedAt, Test::Between(Some(Timestamp(1000)), Some(Timestamp(1000)))), true),
            (Condition::Term(Field::UpdatedAt, Test::Between(None, Some(Timestamp(1999)))), false),
            (Condition::Not(Box::new(is("email", "x"))), true),
            (Condition::All(vec![is("email", "x"), is("name", "jane doe")]), false),
            (Condition::Any(vec![is("email", "x"), is("name", "jane doe")]), true),
        ];
        for (condition, holds) in cases {
            assert_eq!(condition.holds(&user()), holds, "{condition:?}");
            // Whoever it holds for is in the piece that it names.
            if let Some(span) = condition.span().filter(|_| holds) {
                let place = user().place(span.order);
                assert!(span.first <= place && place <= span.last, "{condition:?} {span:?}");
            }
        }
    }

    #[test]
    fn the_connection_decides_for_all_of_its_users() {
        let connection = |name: &str| Condition::Term(Field::Connection, Test::Is(name.to_owned()));
        let unknown = is("email", "x");
        let cases = [
            (connection("db"), Some(true)),
            (connection("other"), Some(false)),
            (Condition::Not(Box::new(connection("other"))), Some(true)),
            (Condition::All(vec![connection("db"), unknown.clone()]), None),
            (Condition::All(vec![connection("other"), unknown.clone()]), Some(false)),
            (Condition::Any(vec![connection("db"), unknown.clone()]), Some(true)),
            (Condition::Any(vec![connection("other"), unknown]), None),
        ];
        for (condition, known) in cases {
            assert_eq!(condition.for_all_of("db"), known, "{condition:?}");
        }
    }

    #[test]
    fn the_smallest_piece_is_looked_through() {
        let prefix = member("name", Test::Begins("j".to_owned()));
        let exact = is("email", "x");
        let both = Condition::All(vec![prefix.clone(), exact.clone(), is("nickname", "y")]);
        assert_eq!(both.span().map(|span| span.order), Some(UserOrder::Email));
        assert_eq!(
            Condition::All(vec![is("nickname", "y"), prefix]).span().map(|span| span.order),
            Some(UserOrder::Name)
        );
        assert_eq!(Condition::Any(vec![exact.clone(), exact]).span(), None);
    }
}

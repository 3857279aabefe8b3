//! The subset of Lucene's query language that users are looked for with: `field:value`, `field:"a value"`, `field:begin*`,
//! `created_at:[2026-01-01 TO *]`, joined by AND, OR, NOT and parentheses.

use std::{iter::Peekable, str::Chars};

use keyward_core::{
    problem::{Invalid, Part},
    time::Timestamp,
    user_search::{Condition, Field, Test},
};

/// How deep parentheses may be nested.
const DEPTH: usize = 32;

/// The fields of a user that hold one value.
const MEMBERS: [&str; 11] = [
    "email",
    "username",
    "name",
    "given_name",
    "family_name",
    "nickname",
    "picture",
    "phone_number",
    "email_verified",
    "phone_verified",
    "blocked",
];

/// Reads a query.
///
/// # Errors
/// [`Invalid`], which says what is not understood and what is.
pub fn parse(text: &str) -> Result<Condition, Invalid> {
    let mut reader = Reader { rest: text.chars().peekable(), depth: 0 };
    let condition = reader.any()?;
    match reader.peek() {
        None => Ok(condition),
        Some(_) => {
            let rest: String = reader.rest.collect();
            Err(unknown(&rest, "put AND or OR between two conditions"))
        }
    }
}

struct Reader<'t> {
    rest: Peekable<Chars<'t>>,
    depth: usize,
}

impl Reader<'_> {
    /// The next character that is not white space.
    fn peek(&mut self) -> Option<char> {
        while self.rest.next_if(|c| c.is_whitespace()).is_some() {}
        self.rest.peek().copied()
    }

    /// Takes this word if it comes next.
    fn word(&mut self, word: &str) -> bool {
        self.peek();
        let mut ahead = self.rest.clone();
        if !word.chars().all(|c| ahead.next() == Some(c)) {
            return false;
        }
        if ahead.peek().is_some_and(|c| !c.is_whitespace() && *c != '(') {
            return false;
        }
        self.rest = ahead;
        true
    }

    fn any(&mut self) -> Result<Condition, Invalid> {
        let mut parts = vec![self.all()?];
        while self.word("OR") {
            parts.push(self.all()?);
        }
        Ok(joined(parts, Condition::Any))
    }

    fn all(&mut self) -> Result<Condition, Invalid> {
        let mut parts = vec![self.one()?];
        while self.word("AND") {
            parts.push(self.one()?);
        }
        Ok(joined(parts, Condition::All))
    }

    fn one(&mut self) -> Result<Condition, Invalid> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(unknown("(", "that is nested too deep"));
        }
        let condition = if self.word("NOT") {
            Condition::Not(Box::new(self.one()?))
        } else if self.peek() == Some('(') {
            self.rest.next();
            let inner = self.any()?;
            if self.peek() != Some(')') {
                return Err(unknown("(", "a parenthesis is not closed, or AND or OR is missing"));
            }
            self.rest.next();
            inner
        } else {
            self.term()?
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn term(&mut self) -> Result<Condition, Invalid> {
        self.peek();
        let mut name = String::new();
        while let Some(c) = self.rest.next_if(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-')) {
            name.push(c);
        }
        if name.is_empty() || self.rest.next() != Some(':') {
            return Err(unknown(&name, "a condition is a field, a colon and a value"));
        }
        let field = field(&name)?;
        let test = match self.rest.peek() {
            Some('"') => self.quoted()?,
            Some('[') => self.range()?,
            _ => self.plain()?,
        };
        let is_time = matches!(field, Field::CreatedAt | Field::UpdatedAt);
        if is_time != matches!(test, Test::Between(..)) && test != Test::Exists {
            return Err(unknown(&name, "created_at and updated_at take [from TO until], and no other field does"));
        }
        Ok(Condition::Term(field, test))
    }

    fn quoted(&mut self) -> Result<Test, Invalid> {
        self.rest.next();
        let mut value = String::new();
        loop {
            match self.rest.next() {
                Some('"') => return Ok(Test::Is(value)),
                Some('\\') => value.extend(self.rest.next()),
                Some(c) => value.push(c),
                None => return Err(unknown(&value, "a quotation mark is not closed")),
            }
        }
    }

    fn range(&mut self) -> Result<Test, Invalid> {
        self.rest.next();
        let mut text = String::new();
        while let Some(c) = self.rest.next_if(|c| *c != ']') {
            text.push(c);
        }
        let (Some(_), Some((since, until))) = (self.rest.next(), text.split_once(" TO ")) else {
            return Err(unknown(&text, "a range is [from TO until]"));
        };
        Ok(Test::Between(point(since, "00:00:00")?, point(until, "23:59:59.999")?))
    }

    fn plain(&mut self) -> Result<Test, Invalid> {
        let mut value = String::new();
        while let Some(c) = self.rest.next_if(|c| !c.is_whitespace() && *c != ')') {
            match c {
                '\\' => value.extend(self.rest.next()),
                '*' => {
                    if self.rest.peek().is_some_and(|c| !c.is_whitespace() && *c != ')') {
                        return Err(unknown(&value, "a `*` can only be the last character"));
                    }
                    return Ok(if value.is_empty() { Test::Exists } else { Test::Begins(value) });
                }
                '?' | '~' | '^' | '/' | '"' | '(' | '[' | '{' | '<' | '>' => {
                    return Err(unknown(
                        &format!("{value}{c}"),
                        "put a value with such a character in quotation marks",
                    ));
                }
                c => value.push(c),
            }
        }
        if value.is_empty() { Err(unknown("", "a value is missing")) } else { Ok(Test::Is(value)) }
    }
}

/// One condition stays what it is.
fn joined(mut parts: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            parts.extend(last);
            join(parts)
        }
    }
}

fn field(name: &str) -> Result<Field, Invalid> {
    let path: Vec<String> = name.split('.').map(str::to_owned).collect();
    match name {
        "user_id" => return Ok(Field::Id),
        "created_at" => return Ok(Field::CreatedAt),
        "updated_at" => return Ok(Field::UpdatedAt),
        "identities.connection" => return Ok(Field::Connection),
        "identities.provider" => return Ok(Field::Provider),
        _ => {}
    }
    let is_metadata = path.len() > 1 && ["user_metadata", "app_metadata"].contains(&path[0].as_str());
    if MEMBERS.contains(&name) || is_metadata {
        return Ok(Field::Member(path));
    }
    Err(unknown(name, "no such field can be looked for"))
}

/// A point in time, or the edge of a day, or `*` for none.
fn point(text: &str, edge: &str) -> Result<Option<Timestamp>, Invalid> {
    let text = text.trim();
    if text == "*" {
        return Ok(None);
    }
    let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T{edge}Z") };
    let time: jiff::Timestamp = whole.parse().map_err(|_| unknown(text, "that is no date"))?;
    Ok(Some(Timestamp(time.as_millisecond())))
}

fn unknown(text: &str, why: &str) -> Invalid {
    let shown: String = text.chars().take(100).collect();
    let detail = format!(
        "`{shown}` is not understood: {why}. Use user_id, email, username, name, given_name, family_name, nickname, \
         phone_number, email_verified, blocked, identities.connection, user_metadata.x or app_metadata.x with a value, a \
         \"quoted value\" or a beginning*, or created_at:[2026-01-01 TO *], joined by AND, OR, NOT and parentheses"
    );
    Invalid::property(Part::Query, "q", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, test: Test) -> Condition {
        Condition::Term(Field::Member(name.split('.').map(str::to_owned).collect()), test)
    }

    fn is(name: &str, value: &str) -> Condition {
        member(name, Test::Is(value.to_owned()))
    }

    #[test]
    fn queries_are_read() {
        let (a, b, c) = (is("email", "a@x.y"), is("name", "b c"), is("nickname", "d"));
        let not = |condition: &Condition| Condition::Not(Box::new(condition.clone()));
        let day = Timestamp(1_699_920_000_000);
        let cases = [
            ("email:a@x.y", a.clone()),
            ("  email:\"a@x.y\"  ", a.clone()),
            ("email:a@x.y AND name:\"b c\"", Condition::All(vec![a.clone(), b.clone()])),
            (
                "email:a@x.y OR name:\"b c\" AND nickname:d",
                Condition::Any(vec![a.clone(), Condition::All(vec![b.clone(), c.clone()])]),
            ),
            (
                "(email:a@x.y OR name:\"b c\") AND NOT nickname:d",
                Condition::All(vec![Condition::Any(vec![a.clone(), b.clone()]), not(&c)]),
            ),
            ("NOT(email:a@x.y)", not(&a)),
            ("name:b*", member("name", Test::Begins("b".to_owned()))),
            ("name:*", member("name", Test::Exists)),
            ("name:\"b*\"", is("name", "b*")),
            ("name:\"say \\\"x\\\"\"", is("name", "say \"x\"")),
            ("user_id:auth0\\|1", Condition::Term(Field::Id, Test::Is("auth0|1".to_owned()))),
            ("user_id:\"auth0|1\"", Condition::Term(Field::Id, Test::Is("auth0|1".to_owned()))),
            ("app_metadata.plan.level:3", is("app_metadata.plan.level", "3")),
            ("identities.connection:\"db\"", Condition::Term(Field::Connection, Test::Is("db".to_owned()))),
            ("created_at:[2023-11-14 TO *]", Condition::Term(Field::CreatedAt, Test::Between(Some(day), None))),
            ("name:ANDREW", is("name", "ANDREW")),
        ];
        for (text, condition) in cases {
            assert_eq!(parse(text).expect(text), condition, "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let deep = format!("{}name:a{}", "(".repeat(40), ")".repeat(40));
        for text in [
            "",
            "john",
            "name:",
            "name: a",
            "color:red",
            "name:a*b",
            "name:\"open",
            "name:a email:b",
            "name:a AND",
            "OR name:a",
            "(name:a",
            "name:a)",
            "name:[a TO b]",
            "created_at:2026-01-01",
            "created_at:[x TO *]",
            "created_at:[2026-01-01",
            "name:/a.*/",
            "name:a~",
            "user_metadata:a",
            "name:>3",
            "AND",
            "NOT",
            deep.as_str(),
            "password:x",
        ] {
            let refusal = parse(text).expect_err(text);
            assert!(refusal.detail.contains("is not understood"), "{refusal:?}");
        }
    }
}

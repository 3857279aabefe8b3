//! Splits the text of a statement into tokens.

use super::{AnalyticsError, STATEMENT_MAX, value::Value};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A keyword or a name.
    Word,
    /// A name in quotes.
    Quoted(String),
    Text(String),
    Number(Value<'static>),
    Symbol,
    End,
}

/// A token and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Lexeme {
    pub(super) token: Token,
    pub(super) at: usize,
    pub(super) end: usize,
}

/// Longer ones first.
const SYMBOLS: [&str; 18] =
    ["==", "!=", "<>", "<=", ">=", "(", ")", ",", "*", "+", "-", "/", "%", "=", "<", ">", ";", "."];

/// All tokens of a statement; the last is [`Token::End`].
pub(super) fn tokens(source: &str) -> Result<Vec<Lexeme>, AnalyticsError> {
    if source.len() > STATEMENT_MAX {
        return Err(AnalyticsError::query(format!("The query is longer than {STATEMENT_MAX} bytes"), STATEMENT_MAX));
    }
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        at = skip_blanks(source, at)?;
        let Some(first) = source[at..].chars().next() else { break };
        let (token, end) = match first {
            'a'..='z' | 'A'..='Z' | '_' => (Token::Word, at + leading(&source[at..], is_word)),
            '0'..='9' => number(source, at)?,
            '\'' => quoted(source, at, first).map(|(text, end)| (Token::Text(text), end))?,
            '"' | '`' => quoted(source, at, first).map(|(text, end)| (Token::Quoted(text), end))?,
            _ => match SYMBOLS.iter().find(|symbol| source[at..].starts_with(**symbol)) {
                Some(symbol) => (Token::Symbol, at + symbol.len()),
                None => {
                    let character = first.escape_debug();
                    return Err(AnalyticsError::unsupported(&format!("the character '{character}'"), at));
                }
            },
        };
        tokens.push(Lexeme { token, at, end });
        at = end;
    }
    tokens.push(Lexeme { token: Token::End, at, end: at });
    Ok(tokens)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// How many bytes at the beginning are such.
fn leading(text: &str, is: fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| is(*byte)).count()
}

/// Where the next token begins, behind white space and comments.
fn skip_blanks(source: &str, mut at: usize) -> Result<usize, AnalyticsError> {
    loop {
        let rest = &source[at..];
        at += if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(comment) = rest.strip_prefix("/*") {
            let end = comment.find("*/").ok_or_else(|| AnalyticsError::query("The comment does not end", at))?;
            end + 4
        } else {
            let blanks = rest.len() - rest.trim_start().len();
            if blanks == 0 {
                return Ok(at);
            }
            blanks
        };
    }
}

fn number(source: &str, at: usize) -> Result<(Token, usize), AnalyticsError> {
    let digits = |from: usize| from + leading(&source[from..], |byte| byte.is_ascii_digit());
    let mut end = digits(at);
    let mut is_int = true;
    if source[end..].starts_with('.') {
        is_int = false;
        end = digits(end + 1);
    }
    if source[end..].starts_with(['e', 'E']) {
        let exponent = end + 1 + usize::from(source[end + 1..].starts_with(['+', '-']));
        if digits(exponent) > exponent {
            is_int = false;
            end = digits(exponent);
        }
    }
    if source[end..].bytes().next().is_some_and(is_word) {
        return Err(AnalyticsError::query("A number is followed by letters", at));
    }
    let text = &source[at..end];
    let value = match is_int {
        true => text.parse().ok().map(Value::Int),
        false => text.parse().ok().map(Value::float),
    };
    match value {
        Some(value) if !value.is_null() => Ok((Token::Number(value), end)),
        _ => Err(AnalyticsError::query("The number is too large", at)),
    }
}

/// What stands between two quotes, and where the token ends. A doubled quote and one behind a backslash stand for one.
fn quoted(source: &str, at: usize, quote: char) -> Result<(String, usize), AnalyticsError> {
    let mut text = String::new();
    let mut characters = source[at + 1..].char_indices().peekable();
    while let Some((offset, character)) = characters.next() {
        if character == quote {
            if characters.next_if(|(_, next)| *next == quote).is_none() {
                return Ok((text, at + 1 + offset + quote.len_utf8()));
            }
            text.push(quote);
        } else if character == '\\' {
            match characters.next().map(|(_, escaped)| escaped) {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some('0') => text.push('\0'),
                // These two escapes belong to LIKE, which reads them later.
                Some(wildcard @ ('%' | '_')) => text.extend(['\\', wildcard]),
                Some(escaped) => text.push(escaped),
                None => break,
            }
        } else {
            text.push(character);
        }
    }
    Err(AnalyticsError::query("A quote does not end", at))
}

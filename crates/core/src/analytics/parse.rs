//! Reads a statement, clause by clause.

use super::{
    AnalyticsError,
    syntax::{AggregateFunction, Called, Direction, Item, Select, Syntax, SyntaxKind},
    table::Table,
    token::{Lexeme, Token, tokens},
    value::Value,
};

/// Words with a place in a statement, which name nothing unless they are quoted.
const RESERVED: [&str; 26] = [
    "select", "from", "where", "group", "having", "order", "limit", "offset", "by", "as", "and", "or", "not", "in",
    "between", "like", "is", "null", "case", "when", "then", "else", "end", "asc", "desc", "distinct",
];

/// Words of SQL that stand for what there is not, and what that is.
const UNSUPPORTED: [(&str, &str); 28] = [
    ("join", "joins"),
    ("inner", "joins"),
    ("left", "joins"),
    ("right", "joins"),
    ("full", "joins"),
    ("cross", "joins"),
    ("array", "ARRAY JOIN"),
    ("on", "joins"),
    ("using", "joins"),
    ("union", "UNION"),
    ("intersect", "INTERSECT"),
    ("except", "EXCEPT"),
    ("with", "WITH"),
    ("over", "window functions"),
    ("window", "window functions"),
    ("qualify", "QUALIFY"),
    ("prewhere", "PREWHERE"),
    ("final", "FINAL"),
    ("sample", "SAMPLE"),
    ("settings", "SETTINGS"),
    ("format", "FORMAT"),
    ("into", "INTO"),
    ("nulls", "NULLS FIRST and NULLS LAST: nulls come last"),
    ("collate", "COLLATE"),
    ("fetch", "FETCH: use LIMIT"),
    ("top", "TOP: use LIMIT"),
    ("ilike", "ILIKE: use lower() and LIKE"),
    ("exists", "subqueries"),
];

/// Where a statement is read.
pub(super) struct Parser<'q> {
    source: &'q str,
    tokens: Vec<Lexeme>,
    next: usize,
    /// How many expressions are being read, one inside the other.
    pub(super) depth: usize,
}

/// The statement that a text is.
pub(super) fn select(source: &str) -> Result<Select, AnalyticsError> {
    let mut parser = Parser { source, tokens: tokens(source)?, next: 0, depth: 0 };
    let first = parser.peek();
    match (&first.token, parser.word()) {
        (Token::End, _) => return Err(AnalyticsError::query("The query is empty", 0)),
        (_, Some(word)) if word.eq_ignore_ascii_case("select") => {}
        (_, Some(word)) if word.eq_ignore_ascii_case("with") => {
            return Err(AnalyticsError::unsupported("WITH", first.at));
        }
        (_, Some(word)) => {
            return Err(AnalyticsError::QueryType { statement: word.to_owned(), position: first.at });
        }
        _ => return Err(parser.unexpected("SELECT")),
    }
    let select = parser.select()?;
    if parser.accept_symbol(";") && parser.peek().token != Token::End {
        return Err(AnalyticsError::unsupported("more than one statement", parser.peek().at));
    }
    match parser.peek().token {
        Token::End => Ok(select),
        _ => Err(parser.unexpected("the end of the query")),
    }
}

impl<'q> Parser<'q> {
    pub(super) fn peek(&self) -> &Lexeme {
        // The end is never passed.
        &self.tokens[self.next]
    }

    /// The token after the next one.
    pub(super) fn peek_second(&self) -> &Lexeme {
        &self.tokens[(self.next + 1).min(self.tokens.len() - 1)]
    }

    pub(super) fn advance(&mut self) {
        self.next = (self.next + 1).min(self.tokens.len() - 1);
    }

    pub(super) fn text_of(&self, lexeme: &Lexeme) -> &'q str {
        &self.source[lexeme.at..lexeme.end]
    }

    /// The next token, if it is a word.
    pub(super) fn word(&self) -> Option<&'q str> {
        let lexeme = self.peek();
        (lexeme.token == Token::Word).then(|| self.text_of(lexeme))
    }

    pub(super) fn is_word(&self, lexeme: &Lexeme, word: &str) -> bool {
        lexeme.token == Token::Word && self.text_of(lexeme).eq_ignore_ascii_case(word)
    }

    pub(super) fn is_symbol(&self, lexeme: &Lexeme, symbol: &str) -> bool {
        lexeme.token == Token::Symbol && self.text_of(lexeme) == symbol
    }

    pub(super) fn accept_word(&mut self, word: &str) -> bool {
        let is = self.is_word(self.peek(), word);
        if is {
            self.advance();
        }
        is
    }

    pub(super) fn accept_symbol(&mut self, symbol: &str) -> bool {
        let is = self.is_symbol(self.peek(), symbol);
        if is {
            self.advance();
        }
        is
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Result<(), AnalyticsError> {
        if self.accept_word(word) { Ok(()) } else { Err(self.unexpected(&word.to_ascii_uppercase())) }
    }

    pub(super) fn expect_symbol(&mut self, symbol: &str) -> Result<(), AnalyticsError> {
        if self.accept_symbol(symbol) { Ok(()) } else { Err(self.unexpected(&format!("'{symbol}'"))) }
    }

    /// Why the next token can't stand where it stands.
    pub(super) fn unexpected(&self, expected: &str) -> AnalyticsError {
        let lexeme = self.peek();
        if lexeme.token == Token::End {
            return AnalyticsError::query(format!("The query ends where {expected} should follow"), lexeme.at);
        }
        let text = self.text_of(lexeme);
        let unsupported = UNSUPPORTED.iter().find(|(word, _)| self.is_word(lexeme, word));
        match (unsupported, text) {
            (Some((_, feature)), _) => AnalyticsError::unsupported(feature, lexeme.at),
            (None, ".") => AnalyticsError::unsupported("names with a dot", lexeme.at),
            _ => {
                let text: String = text.chars().take(40).collect();
                AnalyticsError::query(format!("Unexpected '{text}', expected {expected}"), lexeme.at)
            }
        }
    }

    /// A name, if one stands here.
    pub(super) fn accept_name(&mut self) -> Option<String> {
        let name = match &self.peek().token {
            Token::Quoted(name) => name.clone(),
            Token::Word => self.word().filter(|word| !is_reserved(word))?.to_owned(),
            _ => return None,
        };
        self.advance();
        Some(name)
    }

    fn select(&mut self) -> Result<Select, AnalyticsError> {
        self.expect_word("select")?;
        if self.is_word(self.peek(), "distinct") {
            return Err(AnalyticsError::unsupported("SELECT DISTINCT: use GROUP BY", self.peek().at));
        }
        let items = self.list(Self::item)?;
        self.expect_word("from")?;
        let table = self.table()?;
        let filter = self.clause("where")?;
        let mut groups = Vec::new();
        if self.accept_word("group") {
            self.expect_word("by")?;
            groups = self.list(Self::expression)?;
        }
        let having = self.clause("having")?;
        let mut order = Vec::new();
        if self.accept_word("order") {
            self.expect_word("by")?;
            order = self.list(Self::order)?;
        }
        let limit = if self.accept_word("limit") { Some(self.count()?) } else { None };
        if limit.is_some() && self.is_symbol(self.peek(), ",") {
            return Err(AnalyticsError::unsupported("LIMIT with a comma: use OFFSET", self.peek().at));
        }
        if limit.is_some() && self.is_word(self.peek(), "by") {
            return Err(AnalyticsError::unsupported("LIMIT BY", self.peek().at));
        }
        let offset = if self.accept_word("offset") { self.count()? } else { 0 };
        Ok(Select { items, table, filter, groups, having, order, limit, offset })
    }

    fn list<T>(&mut self, read: fn(&mut Self) -> Result<T, AnalyticsError>) -> Result<Vec<T>, AnalyticsError> {
        let mut list = vec![read(self)?];
        while self.accept_symbol(",") {
            list.push(read(self)?);
        }
        Ok(list)
    }

    fn clause(&mut self, word: &str) -> Result<Option<Syntax>, AnalyticsError> {
        if self.accept_word(word) { self.expression().map(Some) } else { Ok(None) }
    }

    fn item(&mut self) -> Result<Item, AnalyticsError> {
        let start = self.next;
        let at = self.peek().at;
        if self.accept_symbol("*") {
            return Ok(Item::All(at));
        }
        let syntax = self.expression()?;
        let end = self.tokens[self.next - 1].end;
        let alias = if self.accept_word("as") {
            Some(self.accept_name().ok_or_else(|| self.unexpected("a name"))?)
        } else {
            self.accept_name()
        };
        let aliased = alias.is_some();
        let name = alias.unwrap_or_else(|| self.own_name(&syntax, start, end));
        Ok(Item::One { syntax, name, aliased })
    }

    /// What an expression is called without an alias: what it says, but functions have their proper names.
    fn own_name(&self, syntax: &Syntax, start: usize, end: usize) -> String {
        let first = &self.tokens[start];
        let called = Called::named(self.text_of(first)).filter(|(_, called, _)| match (&syntax.kind, called) {
            (SyntaxKind::Apply(own, _), Called::Function(function)) => own == function,
            (SyntaxKind::Aggregate(own, _), Called::Aggregate(function)) => own == function,
            _ => false,
        });
        match (&syntax.kind, called) {
            (SyntaxKind::Name(name), _) => name.clone(),
            (SyntaxKind::Aggregate(AggregateFunction::Count, arguments), _) if arguments.is_empty() => {
                "count()".to_owned()
            }
            (_, Some((name, ..))) => format!("{name}{}", &self.source[first.end..end]),
            _ => self.source[first.at..end].to_owned(),
        }
    }

    fn table(&mut self) -> Result<Table, AnalyticsError> {
        let position = self.peek().at;
        if self.is_symbol(self.peek(), "(") {
            return Err(AnalyticsError::unsupported("subqueries", position));
        }
        let mut name = self.accept_name().ok_or_else(|| self.unexpected("a table"))?;
        while self.accept_symbol(".") {
            name.push('.');
            name.push_str(&self.accept_name().ok_or_else(|| self.unexpected("a name"))?);
        }
        if self.is_symbol(self.peek(), "(") {
            return Err(AnalyticsError::unsupported("table functions", position));
        }
        let Some(table) = Table::named(&name) else { return Err(AnalyticsError::Table { name, position }) };
        let next = self.peek();
        if self.is_symbol(next, ",") {
            return Err(AnalyticsError::unsupported("joins", next.at));
        }
        let is_alias = self.word().is_some_and(|word| !is_reserved(word)) || matches!(next.token, Token::Quoted(_));
        if is_alias || self.is_word(next, "as") {
            return Err(AnalyticsError::unsupported("another name for the table", next.at));
        }
        Ok(table)
    }

    fn order(&mut self) -> Result<(Syntax, Direction), AnalyticsError> {
        let syntax = self.expression()?;
        let descending = self.accept_word("desc");
        if !descending {
            self.accept_word("asc");
        }
        Ok((syntax, if descending { Direction::Descending } else { Direction::Ascending }))
    }

    /// A number of rows.
    fn count(&mut self) -> Result<usize, AnalyticsError> {
        let Token::Number(Value::Int(count)) = self.peek().token else { return Err(self.unexpected("a whole number")) };
        self.advance();
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }
}

/// Whether a word has a place in a statement.
pub(super) fn is_keyword(word: &str) -> bool {
    RESERVED.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// Whether a word can't be a name without quotes.
fn is_reserved(word: &str) -> bool {
    is_keyword(word) || UNSUPPORTED.iter().any(|(known, _)| known.eq_ignore_ascii_case(word))
}

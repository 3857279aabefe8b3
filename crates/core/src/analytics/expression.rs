//! Reads expressions, by the binding power of their operators.

use super::{
    AnalyticsError,
    parse::{Parser, is_keyword},
    syntax::{AggregateFunction, Called, Function, Syntax, SyntaxKind, check_depth},
    token::Token,
    value::Value,
};

// What binds tighter has a greater power.
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARISON: u8 = 4;
const SUM: u8 = 5;
const PRODUCT: u8 = 6;
const SIGN: u8 = 7;

/// What may follow an operand.
#[derive(Clone, Copy)]
enum Infix {
    Binary(Function),
    Chain(Function),
    In,
    Between,
    Like,
    Is,
    /// NOT, and one of the others after it.
    Not,
}

impl Parser<'_> {
    /// An expression.
    pub(super) fn expression(&mut self) -> Result<Syntax, AnalyticsError> {
        self.expression_of(OR)
    }

    /// An expression of operators that bind at least so tightly.
    fn expression_of(&mut self, power: u8) -> Result<Syntax, AnalyticsError> {
        let at = self.peek().at;
        self.depth = check_depth(self.depth + 1, at)?;
        let mut left = self.operand()?;
        while let Some((infix, own)) = self.infix()
            && own >= power
        {
            left = self.extend(left, infix, own)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn infix(&self) -> Option<(Infix, u8)> {
        let lexeme = self.peek();
        let text = self.text_of(lexeme);
        let (infix, power) = match lexeme.token {
            Token::Symbol => match text {
                "+" => (Infix::Binary(Function::Add), SUM),
                "-" => (Infix::Binary(Function::Subtract), SUM),
                "*" => (Infix::Binary(Function::Multiply), PRODUCT),
                "/" => (Infix::Binary(Function::Divide), PRODUCT),
                "%" => (Infix::Binary(Function::Modulo), PRODUCT),
                "=" | "==" => (Infix::Binary(Function::Equal), COMPARISON),
                "!=" | "<>" => (Infix::Binary(Function::NotEqual), COMPARISON),
                "<" => (Infix::Binary(Function::Less), COMPARISON),
                "<=" => (Infix::Binary(Function::LessOrEqual), COMPARISON),
                ">" => (Infix::Binary(Function::Greater), COMPARISON),
                ">=" => (Infix::Binary(Function::GreaterOrEqual), COMPARISON),
                _ => return None,
            },
            Token::Word => match text.to_ascii_lowercase().as_str() {
                "or" => (Infix::Chain(Function::Or), OR),
                "and" => (Infix::Chain(Function::And), AND),
                "in" => (Infix::In, COMPARISON),
                "between" => (Infix::Between, COMPARISON),
                "like" => (Infix::Like, COMPARISON),
                "is" => (Infix::Is, COMPARISON),
                "not" => (Infix::Not, COMPARISON),
                _ => return None,
            },
            _ => return None,
        };
        Some((infix, power))
    }

    /// The operand with the operator that follows it and whatever belongs to that.
    fn extend(&mut self, left: Syntax, infix: Infix, power: u8) -> Result<Syntax, AnalyticsError> {
        let at = self.peek().at;
        self.advance();
        match infix {
            Infix::Binary(function) => Syntax::apply(function, vec![left, self.expression_of(power + 1)?], at),
            Infix::Chain(function) => left.chain(function, self.expression_of(power + 1)?, at),
            Infix::In => self.members(left, at),
            Infix::Between => {
                let least = self.expression_of(COMPARISON + 1)?;
                self.expect_word("and")?;
                Syntax::apply(Function::Between, vec![left, least, self.expression_of(COMPARISON + 1)?], at)
            }
            Infix::Like => Syntax::apply(Function::Like, vec![left, self.expression_of(COMPARISON + 1)?], at),
            Infix::Is => {
                let not = self.accept_word("not");
                self.expect_word("null")?;
                let is_null = Syntax::apply(Function::IsNull, vec![left], at)?;
                if not { Syntax::apply(Function::Not, vec![is_null], at) } else { Ok(is_null) }
            }
            Infix::Not => match self.infix() {
                Some((infix @ (Infix::In | Infix::Between | Infix::Like), power)) => {
                    let positive = self.extend(left, infix, power)?;
                    Syntax::apply(Function::Not, vec![positive], at)
                }
                _ => Err(self.unexpected("IN, BETWEEN, or LIKE")),
            },
        }
    }

    /// The list after IN.
    fn members(&mut self, left: Syntax, at: usize) -> Result<Syntax, AnalyticsError> {
        let mut arguments = vec![left];
        self.expect_symbol("(")?;
        loop {
            self.refuse_subquery()?;
            let member = self.expression_of(SUM)?;
            if !matches!(&member.kind, SyntaxKind::Literal(value) if !value.is_null()) {
                return Err(AnalyticsError::unsupported("anything but texts and numbers in the list of IN", member.at));
            }
            arguments.push(member);
            if !self.accept_symbol(",") {
                break;
            }
        }
        self.expect_symbol(")")?;
        Syntax::apply(Function::In, arguments, at)
    }

    fn refuse_subquery(&self) -> Result<(), AnalyticsError> {
        let next = self.peek();
        if self.is_word(next, "select") { Err(AnalyticsError::unsupported("subqueries", next.at)) } else { Ok(()) }
    }

    fn operand(&mut self) -> Result<Syntax, AnalyticsError> {
        let lexeme = self.peek();
        let at = lexeme.at;
        let value = match &lexeme.token {
            Token::Number(value) => value.clone(),
            Token::Text(text) => Value::Text(text.clone().into()),
            Token::Word if self.is_symbol(self.peek_second(), "(") && !self.is_word(lexeme, "not") => {
                return self.call();
            }
            Token::Word => match self.text_of(lexeme).to_ascii_lowercase().as_str() {
                "null" => Value::Null,
                "true" => Value::Int(1),
                "false" => Value::Int(0),
                "not" => {
                    self.advance();
                    return Syntax::apply(Function::Not, vec![self.expression_of(NOT)?], at);
                }
                "case" => return self.case(),
                "interval" => return self.interval(),
                _ => return self.column(),
            },
            Token::Quoted(_) => return self.column(),
            Token::Symbol => return self.symbol(),
            Token::End => return Err(self.unexpected("an expression")),
        };
        self.advance();
        Ok(Syntax::literal(value, at))
    }

    fn column(&mut self) -> Result<Syntax, AnalyticsError> {
        let at = self.peek().at;
        let name = self.accept_name().ok_or_else(|| self.unexpected("an expression"))?;
        Ok(Syntax::name(name, at))
    }

    /// An operand that begins with a symbol.
    fn symbol(&mut self) -> Result<Syntax, AnalyticsError> {
        let at = self.peek().at;
        if self.accept_symbol("-") {
            let operand = self.expression_of(SIGN)?;
            return match operand.kind {
                SyntaxKind::Literal(Value::Int(number)) => Ok(Syntax::literal(Value::Int(-number), at)),
                SyntaxKind::Literal(Value::Float(number)) => Ok(Syntax::literal(Value::float(-number), at)),
                _ => Syntax::apply(Function::Negate, vec![operand], at),
            };
        }
        if !self.accept_symbol("(") {
            return Err(self.unexpected("an expression"));
        }
        self.refuse_subquery()?;
        let inner = self.expression()?;
        if self.is_symbol(self.peek(), ",") {
            return Err(AnalyticsError::unsupported("tuples", at));
        }
        self.expect_symbol(")")?;
        Ok(inner)
    }

    /// A function with its arguments.
    fn call(&mut self) -> Result<Syntax, AnalyticsError> {
        let (at, name) = (self.peek().at, self.text_of(self.peek()));
        let Some((name, called, expected)) = Called::named(name) else {
            return match name.to_ascii_lowercase().as_str() {
                "case" => self.case(),
                // A keyword before a parenthesis is no function.
                word if is_keyword(word) => Err(self.unexpected("an expression")),
                _ => Err(AnalyticsError::Function { name: name.to_owned(), position: at }),
            };
        };
        self.advance();
        self.advance();
        let is_count = called == Called::Aggregate(AggregateFunction::Count);
        let distinct = is_count && self.accept_word("distinct");
        let mut arguments = Vec::new();
        if !distinct && is_count && self.accept_symbol("*") {
            self.expect_symbol(")")?;
        } else if !self.accept_symbol(")") {
            loop {
                self.refuse_subquery()?;
                arguments.push(self.expression()?);
                if !self.accept_symbol(",") {
                    break;
                }
            }
            self.expect_symbol(")")?;
        }
        if self.is_word(self.peek(), "over") {
            return Err(self.unexpected("an operator"));
        }
        if !expected.contains(&arguments.len()) || (distinct && arguments.is_empty()) {
            let count = arguments.len();
            return Err(AnalyticsError::query(format!("{name} does not take {count} arguments"), at));
        }
        match called {
            Called::Function(function) => Syntax::apply(function, arguments, at),
            Called::Aggregate(_) if distinct => Syntax::aggregate(AggregateFunction::Uniq, arguments, at),
            Called::Aggregate(function) => Syntax::aggregate(function, arguments, at),
        }
    }

    fn case(&mut self) -> Result<Syntax, AnalyticsError> {
        let at = self.peek().at;
        self.advance();
        if !self.is_word(self.peek(), "when") {
            return Err(AnalyticsError::unsupported("CASE without WHEN after it", at));
        }
        let mut arguments = Vec::new();
        while self.accept_word("when") {
            arguments.push(self.expression()?);
            self.expect_word("then")?;
            arguments.push(self.expression()?);
        }
        let otherwise = self.accept_word("else");
        arguments.push(if otherwise { self.expression()? } else { Syntax::literal(Value::Null, at) });
        self.expect_word("end")?;
        Syntax::apply(Function::Case, arguments, at)
    }

    /// `INTERVAL 5 MINUTE`, which is a number of milliseconds.
    fn interval(&mut self) -> Result<Syntax, AnalyticsError> {
        const UNITS: [(&str, i64); 4] =
            [("second", 1000), ("minute", 60_000), ("hour", 3_600_000), ("day", 86_400_000)];
        let at = self.peek().at;
        self.advance();
        let Token::Number(Value::Int(count)) = self.peek().token else { return Err(self.unexpected("a whole number")) };
        self.advance();
        let unit = UNITS.iter().find(|(unit, _)| self.is_word(self.peek(), unit));
        let Some((_, length)) = unit else { return Err(self.unexpected("SECOND, MINUTE, HOUR, or DAY")) };
        self.advance();
        let length = count.checked_mul(*length).ok_or_else(|| AnalyticsError::query("The interval is too long", at))?;
        Ok(Syntax::literal(Value::Int(length), at))
    }
}

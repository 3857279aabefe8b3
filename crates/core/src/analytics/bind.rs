//! Finds out what the names of a statement mean and makes a plan of it.

use std::collections::HashSet;

use super::{
    AnalyticsError,
    kind::{self, Kind},
    syntax::{AggregateFunction, Direction, Function, Item, Select, Syntax, SyntaxKind, check_depth},
    table::{Column, Table},
    value::Value,
};

/// The most items a statement may select, or group or order by.
const ITEMS_MAX: usize = 100;
/// The most parts all expressions of a statement may have together, after every alias was put in.
const PARTS_MAX: usize = 10_000;

/// An expression whose names are known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    Literal(Value<'static>),
    Column(Column),
    /// What groups are made by.
    Key(usize),
    Aggregate(usize),
    Apply(Function, Vec<Expr>),
}

impl Expr {
    /// Whether the expression, or one inside it, is such.
    pub(super) fn contains(&self, is: &impl Fn(&Self) -> bool) -> bool {
        is(self) || matches!(self, Self::Apply(_, inner) if inner.iter().any(|inner| inner.contains(is)))
    }

    fn has_sum(&self) -> bool {
        self.contains(&|expr| matches!(expr, Self::Column(column) if column.is_sum()))
    }

    fn is_sum(&self) -> bool {
        matches!(self, Self::Column(column) if column.is_sum())
    }
}

/// One value made of the rows of a group.
#[derive(Debug, PartialEq)]
pub(super) struct Aggregate {
    pub(super) function: AggregateFunction,
    /// What it is made of; without one, of the rows themselves.
    pub(super) argument: Option<Expr>,
    /// Which rows it is made of.
    pub(super) condition: Option<Expr>,
}

impl Aggregate {
    /// Whether it is the same however the records are put together to rows before: sums of sums, and what does not
    /// care how often a value occurs.
    fn ignores_rows(&self) -> bool {
        let of_sum = match self.function {
            AggregateFunction::Sum | AggregateFunction::SumIf => self.argument.as_ref().is_some_and(Expr::is_sum),
            AggregateFunction::Min | AggregateFunction::Max | AggregateFunction::Uniq => {
                !self.argument.as_ref().is_some_and(Expr::has_sum)
            }
            AggregateFunction::Count | AggregateFunction::CountIf | AggregateFunction::Average => false,
        };
        of_sum && !self.condition.as_ref().is_some_and(Expr::has_sum)
    }
}

/// What groups are made by, and what is made of them.
#[derive(Debug, Default)]
pub(super) struct Grouping {
    pub(super) keys: Vec<Expr>,
    pub(super) aggregates: Vec<Aggregate>,
}

/// How a statement is carried out.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) table: Table,
    /// All have to hold for a record.
    pub(super) filter: Vec<Expr>,
    /// How records are put together to rows of the table, if that makes a difference.
    pub(super) rows: Option<Grouping>,
    /// All have to hold for such a row.
    pub(super) row_filter: Vec<Expr>,
    pub(super) grouping: Option<Grouping>,
    pub(super) having: Option<Expr>,
    pub(super) names: Vec<String>,
    pub(super) items: Vec<Expr>,
    pub(super) order: Vec<(Expr, Direction)>,
    pub(super) limit: Option<usize>,
    pub(super) offset: usize,
}

struct Named {
    syntax: Syntax,
    name: String,
    aliased: bool,
}

/// Where an expression stands, which decides what names mean in it.
#[derive(Clone, Copy)]
struct Place {
    /// How many of the items can be referred to by alias. An item sees those before it, so there are no circles.
    aliases: usize,
    /// Whether a name is an alias first and a column second.
    alias_first: bool,
    /// What the expression belongs to, if it can't have aggregate functions.
    rows_of: Option<&'static str>,
    depth: usize,
}

struct Binder {
    table: Table,
    items: Vec<Named>,
    aggregates: Vec<Aggregate>,
    parts: usize,
}

/// The plan of a statement.
pub(super) fn plan(select: Select) -> Result<Plan, AnalyticsError> {
    let Select { items, table, filter, groups, having, order, limit, offset } = select;
    let items = named(items, table)?;
    for (list, at) in [(groups.len(), groups.last()), (order.len(), order.last().map(|(syntax, _)| syntax))] {
        check_items(list, at.map_or(0, |syntax| syntax.at))?;
    }
    let mut binder = Binder { table, items, aggregates: Vec::new(), parts: 0 };
    let all = binder.items.len();
    let of_rows = Place { aliases: all, alias_first: false, rows_of: Some("WHERE"), depth: 0 };
    // Behind the groups, a name means what is selected; an alias that hides a column does so there only.
    let of_groups = Place { aliases: all, alias_first: true, rows_of: None, depth: 0 };
    let filter = filter.map(|syntax| binder.condition(&syntax, of_rows)).transpose()?;
    let mut keys = Vec::new();
    for syntax in &groups {
        let is_name = matches!(syntax.kind, SyntaxKind::Name(_));
        keys.push(binder.listed(syntax, Place { alias_first: is_name, rows_of: Some("GROUP BY"), ..of_rows })?);
    }
    let mut bound = Vec::new();
    for item in 0..all {
        bound.push(binder.item(item, Place { aliases: item, alias_first: false, ..of_groups })?.0);
    }
    let having_at = having.as_ref().map_or(0, |syntax| syntax.at);
    let mut having = having.map(|syntax| binder.condition(&syntax, of_groups)).transpose()?;
    let mut ordered = Vec::new();
    for (syntax, direction) in &order {
        ordered.push((binder.listed(syntax, of_groups)?, *direction));
    }
    let Binder { items, aggregates, .. } = binder;
    let is_grouped = !keys.is_empty() || !aggregates.is_empty();
    if is_grouped {
        for (expr, item) in bound.iter_mut().zip(&items) {
            lift(expr, &keys, item.syntax.at)?;
        }
        having.iter_mut().try_for_each(|expr| lift(expr, &keys, having_at))?;
        for ((expr, _), (syntax, _)) in ordered.iter_mut().zip(&order) {
            lift(expr, &keys, syntax.at)?;
        }
    } else if having.is_some() {
        return Err(AnalyticsError::query("HAVING needs GROUP BY or an aggregate function", having_at));
    }
    let grouping = is_grouped.then_some(Grouping { keys, aggregates });
    let (row_filter, filter): (Vec<_>, Vec<_>) =
        filter.map(conjuncts).unwrap_or_default().into_iter().partition(|expr| table != Table::Raw && expr.has_sum());
    let rows = needs_rows(table, &row_filter, grouping.as_ref()).then(rows_of_spans);
    let names = items.into_iter().map(|item| item.name).collect();
    Ok(Plan { table, filter, rows, row_filter, grouping, having, names, items: bound, order: ordered, limit, offset })
}

fn check_items(count: usize, at: usize) -> Result<(), AnalyticsError> {
    if count > ITEMS_MAX {
        return Err(AnalyticsError::query(format!("More than {ITEMS_MAX} expressions in a list"), at));
    }
    Ok(())
}

/// The items with `*` put in full.
fn named(items: Vec<Item>, table: Table) -> Result<Vec<Named>, AnalyticsError> {
    let mut all = Vec::new();
    for item in items {
        match item {
            Item::All(at) => all.extend(table.columns().iter().map(|column| {
                let syntax = Syntax::name(column.name(), at);
                Named { syntax, name: column.name().to_owned(), aliased: false }
            })),
            Item::One { syntax, name, aliased } => all.push(Named { syntax, name, aliased }),
        }
        check_items(all.len(), all.last().map_or(0, |item| item.syntax.at))?;
    }
    let mut names = HashSet::new();
    match all.iter().find(|item| !names.insert(item.name.as_str())) {
        Some(twice) => {
            let message = format!("Two columns are named '{}'; give one another name with AS", twice.name);
            Err(AnalyticsError::query(message, twice.syntax.at))
        }
        None => Ok(all),
    }
}

/// The conditions that all have to hold for this one to hold.
fn conjuncts(condition: Expr) -> Vec<Expr> {
    match condition {
        Expr::Apply(Function::And, all) => all.into_iter().flat_map(conjuncts).collect(),
        one => vec![one],
    }
}

/// Whether the rows of a table have to be made before anything can be made of them. If not, far less has to be kept.
fn needs_rows(table: Table, row_filter: &[Expr], grouping: Option<&Grouping>) -> bool {
    let ignores_rows = grouping.is_some_and(|grouping| {
        grouping.aggregates.iter().all(Aggregate::ignores_rows) && !grouping.keys.iter().any(Expr::has_sum)
    });
    table != Table::Raw && !(row_filter.is_empty() && ignores_rows)
}

/// How records are put together to the rows of a table with a row for each span.
pub(super) fn rows_of_spans() -> Grouping {
    let (sums, keys): (Vec<_>, Vec<_>) = Column::PER.into_iter().map(Expr::Column).partition(Expr::is_sum);
    let sum = |argument| Aggregate { function: AggregateFunction::Sum, argument: Some(argument), condition: None };
    Grouping { keys, aggregates: sums.into_iter().map(sum).collect() }
}

/// Makes an expression over rows one over groups.
fn lift(expr: &mut Expr, keys: &[Expr], at: usize) -> Result<(), AnalyticsError> {
    if let Some(key) = keys.iter().position(|key| key == expr) {
        *expr = Expr::Key(key);
    }
    match expr {
        Expr::Column(column) => {
            let name = column.name();
            let message = format!("'{name}' must be in GROUP BY or in an aggregate function");
            Err(AnalyticsError::query(message, at))
        }
        Expr::Apply(_, inner) => inner.iter_mut().try_for_each(|inner| lift(inner, keys, at)),
        Expr::Literal(_) | Expr::Key(_) | Expr::Aggregate(_) => Ok(()),
    }
}

impl Binder {
    fn condition(&mut self, syntax: &Syntax, place: Place) -> Result<Expr, AnalyticsError> {
        let (expr, kind) = self.bind(syntax, place)?;
        kind.expect_condition().map_err(|message| AnalyticsError::query(message, syntax.at))?;
        Ok(expr)
    }

    /// An entry of GROUP BY or ORDER BY, where a whole number is the number of an item.
    fn listed(&mut self, syntax: &Syntax, place: Place) -> Result<Expr, AnalyticsError> {
        let SyntaxKind::Literal(Value::Int(number)) = &syntax.kind else { return Ok(self.bind(syntax, place)?.0) };
        let item = usize::try_from(*number).ok().and_then(|number| number.checked_sub(1));
        match item.filter(|item| *item < self.items.len()) {
            Some(item) => Ok(self.item(item, Place { aliases: item, alias_first: false, ..place })?.0),
            None => Err(AnalyticsError::query(format!("No item {number} is selected"), syntax.at)),
        }
    }

    fn item(&mut self, item: usize, place: Place) -> Result<(Expr, Kind), AnalyticsError> {
        // Taken out for a moment, as the binder changes while it is read; an item never refers to itself.
        let hole = Syntax::literal(Value::Null, 0);
        let syntax = std::mem::replace(&mut self.items[item].syntax, hole);
        let bound = self.bind(&syntax, place);
        self.items[item].syntax = syntax;
        bound
    }

    fn bind(&mut self, syntax: &Syntax, place: Place) -> Result<(Expr, Kind), AnalyticsError> {
        let place = Place { depth: check_depth(place.depth + 1, syntax.at)?, ..place };
        self.parts += 1;
        if self.parts > PARTS_MAX {
            return Err(AnalyticsError::query("The query is too complex", syntax.at));
        }
        match &syntax.kind {
            SyntaxKind::Literal(value) => {
                let kind = match value {
                    Value::Int(_) | Value::Float(_) => Kind::Number,
                    Value::Text(_) => Kind::Text,
                    Value::List(_) => Kind::List,
                    Value::Null => Kind::Null,
                };
                Ok((Expr::Literal(value.clone()), kind))
            }
            SyntaxKind::Name(name) => self.name(name, syntax.at, place),
            SyntaxKind::Apply(function, arguments) => {
                let (mut bound, kinds) = self.all(arguments, place)?;
                let kind = kind::of_function(*function, &kinds)
                    .map_err(|message| AnalyticsError::query(message, syntax.at))?;
                if *function == Function::In {
                    // Literals, to be found by bisection.
                    bound[1..].sort_by(|one, two| match (one, two) {
                        (Expr::Literal(one), Expr::Literal(two)) => one.cmp(two),
                        _ => std::cmp::Ordering::Equal,
                    });
                }
                Ok((Expr::Apply(*function, bound), kind))
            }
            SyntaxKind::Aggregate(function, arguments) => self.aggregate(*function, arguments, syntax.at, place),
        }
    }

    fn all(&mut self, all: &[Syntax], place: Place) -> Result<(Vec<Expr>, Vec<Kind>), AnalyticsError> {
        let mut bound = (Vec::with_capacity(all.len()), Vec::with_capacity(all.len()));
        for syntax in all {
            let (expr, kind) = self.bind(syntax, place)?;
            bound.0.push(expr);
            bound.1.push(kind);
        }
        Ok(bound)
    }

    fn name(&mut self, name: &str, at: usize, place: Place) -> Result<(Expr, Kind), AnalyticsError> {
        let column = self.table.column(name);
        let alias = self.items[..place.aliases].iter().position(|item| item.aliased && item.name == name);
        match (column, alias) {
            (Some(column), None) => Ok((Expr::Column(column), column.kind())),
            (Some(column), Some(_)) if !place.alias_first => Ok((Expr::Column(column), column.kind())),
            (_, Some(item)) => self.item(item, Place { aliases: item, alias_first: false, ..place }),
            (None, None) => {
                let columns: Vec<_> = self.table.columns().iter().map(|column| column.name()).collect();
                let message = format!("No column '{name}'; the table has {}", columns.join(", "));
                Err(AnalyticsError::query(message, at))
            }
        }
    }

    fn aggregate(
        &mut self,
        function: AggregateFunction,
        arguments: &[Syntax],
        at: usize,
        place: Place,
    ) -> Result<(Expr, Kind), AnalyticsError> {
        if let Some(clause) = place.rows_of {
            return Err(AnalyticsError::query(format!("No aggregate function can stand in {clause}"), at));
        }
        let inside = Place { alias_first: false, rows_of: Some("another one"), ..place };
        let (mut bound, kinds) = self.all(arguments, inside)?;
        let kind = kind::of_aggregate(function, &kinds).map_err(|message| AnalyticsError::query(message, at))?;
        let condition = match function {
            AggregateFunction::CountIf | AggregateFunction::SumIf => bound.pop(),
            _ => None,
        };
        let aggregate = Aggregate { function, argument: bound.pop(), condition };
        let known = self.aggregates.iter().position(|known| *known == aggregate);
        let index = known.unwrap_or_else(|| {
            self.aggregates.push(aggregate);
            self.aggregates.len() - 1
        });
        Ok((Expr::Aggregate(index), kind))
    }
}

//! Which times a statement looks at, so that whoever reads the records reads no others.

use super::{
    bind::{Expr, Plan},
    evaluate::{Evaluation, Scope},
    syntax::Function,
    table::{Column, Table},
    value::Value,
};

/// The earliest and the latest time of a record that the conditions allow; both are included.
pub(super) fn of(plan: &Plan, now: i64) -> (Option<i64>, Option<i64>) {
    let mut range = Range { table: plan.table, now, earliest: None, latest: None };
    for condition in &plan.filter {
        if let Expr::Apply(function, arguments) = condition {
            range.narrow(*function, arguments);
        }
    }
    (range.earliest, range.latest)
}

struct Range {
    table: Table,
    now: i64,
    earliest: Option<i64>,
    latest: Option<i64>,
}

impl Range {
    fn narrow(&mut self, function: Function, arguments: &[Expr]) {
        match (function, arguments) {
            (Function::Between, [time, least, most]) => {
                self.compare(time, Function::GreaterOrEqual, least);
                self.compare(time, Function::LessOrEqual, most);
            }
            (
                Function::Equal | Function::Less | Function::LessOrEqual | Function::Greater | Function::GreaterOrEqual,
                [left, right],
            ) => {
                self.compare(left, function, right);
                let turned = match function {
                    Function::Less => Function::Greater,
                    Function::LessOrEqual => Function::GreaterOrEqual,
                    Function::Greater => Function::Less,
                    Function::GreaterOrEqual => Function::LessOrEqual,
                    same => same,
                };
                self.compare(right, turned, left);
            }
            _ => {}
        }
    }

    /// Narrows the range if a time is compared with what is the same everywhere.
    fn compare(&mut self, time: &Expr, function: Function, bound: &Expr) {
        let Some(rounded) = self.rounded(time) else { return };
        if bound.contains(&|expr| matches!(expr, Expr::Column(_))) {
            return;
        }
        // A bound that is no whole number is taken as the one farther out.
        let (floor, ceiling, is_whole) = match (Evaluation { scope: Scope::Nothing, now: self.now }).value(bound) {
            Value::Int(bound) => (bound, bound, true),
            Value::Float(bound) => (bound.floor() as i64, bound.ceil() as i64, false),
            Value::Text(_) | Value::List(_) | Value::Null => return,
        };
        let is_less = matches!(function, Function::Less | Function::LessOrEqual);
        let is_greater = matches!(function, Function::Greater | Function::GreaterOrEqual);
        if !is_less {
            // A record is never earlier than its time rounded down.
            let step = i64::from(function == Function::Greater && is_whole);
            let earliest = floor.saturating_add(step);
            self.earliest = Some(self.earliest.map_or(earliest, |known| known.max(earliest)));
        }
        if !is_greater {
            let step = i64::from(function == Function::Less && is_whole);
            let latest = ceiling.saturating_sub(step).saturating_add(rounded);
            self.latest = Some(self.latest.map_or(latest, |known| known.min(latest)));
        }
    }

    /// How much later than this expression a record can be, if the expression is its time, or that rounded down.
    fn rounded(&self, expr: &Expr) -> Option<i64> {
        match expr {
            Expr::Column(Column::Time) => Some(match self.table {
                Table::Raw => 0,
                Table::Per(unit) => unit.longest() - 1,
            }),
            Expr::Apply(Function::StartOf(unit), arguments) => {
                self.rounded(arguments.first()?).map(|inner| inner.saturating_add(unit.longest() - 1))
            }
            _ => None,
        }
    }
}

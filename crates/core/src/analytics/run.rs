//! Carries a plan out over the records it is given.

use std::cmp::Ordering;

use serde_json::{Map, Value as Json};

use super::{
    AnalyticsError, Limits, Verification,
    aggregate::{Budget, Group, Groups},
    bind::Plan,
    evaluate::{Evaluation, Scope},
    syntax::Direction,
    value::Value,
};

/// How many rows at least are collected before those that will not be returned are dropped.
const BATCH: usize = 512;

/// A statement that is running.
#[derive(Debug)]
pub struct Run<'s> {
    plan: &'s Plan,
    now: i64,
    budget: Budget,
    /// The rows of the table, if they have to be made first.
    rows: Option<Groups<'s>>,
    groups: Option<Groups<'s>>,
    result: Selected<'s>,
}

impl<'s> Run<'s> {
    pub(super) fn new(plan: &'s Plan, now: i64, limits: Limits) -> Self {
        Self {
            plan,
            now,
            budget: Budget::new(limits.bytes),
            rows: plan.rows.as_ref().map(Groups::new),
            groups: plan.grouping.as_ref().map(Groups::new),
            result: Selected { plan, most: limits.rows, kept: Vec::new(), seen: 0 },
        }
    }

    /// Takes a record into account. Whose records these are, and from when, is for the caller to see to.
    ///
    /// # Errors
    /// When a limit is exceeded; then the run is over.
    pub fn add(&mut self, record: &Verification<'_>) -> Result<(), AnalyticsError> {
        let scope = Scope::Record { record, time: self.plan.table.start(record.time) };
        let row = Evaluation { scope, now: self.now };
        if !row.all_hold(&self.plan.filter) {
            return Ok(());
        }
        match &mut self.rows {
            Some(rows) => rows.add(row, &mut self.budget),
            None => self.add_row(row),
        }
    }

    fn add_row(&mut self, row: Evaluation<'_>) -> Result<(), AnalyticsError> {
        match &mut self.groups {
            Some(groups) => groups.add(row, &mut self.budget),
            None => self.result.add(row, &mut self.budget),
        }
    }

    /// Whether the result is certain, so that no further record has to be added.
    pub fn is_complete(&self) -> bool {
        self.rows.is_none() && self.groups.is_none() && self.result.is_complete()
    }

    /// The rows of the result.
    ///
    /// # Errors
    /// When a limit is exceeded.
    pub fn finish(mut self) -> Result<Vec<Map<String, Json>>, AnalyticsError> {
        let rows: Vec<Group> = self.rows.take().map(Groups::finish).unwrap_or_default();
        for values in &rows {
            let row = Evaluation { scope: Scope::Row(values), now: self.now };
            if row.all_hold(&self.plan.row_filter) {
                self.add_row(row)?;
            }
        }
        drop(rows);
        if let (Some(groups), Some(grouping)) = (self.groups.take(), &self.plan.grouping) {
            for values in groups.finish() {
                let (keys, aggregates) = values.split_at(grouping.keys.len());
                let group = Evaluation { scope: Scope::Group { keys, aggregates }, now: self.now };
                if group.all_hold(self.plan.having.as_slice()) {
                    self.result.add(group, &mut self.budget)?;
                }
            }
        }
        self.result.finish(&mut self.budget)
    }
}

/// The rows of the result so far.
#[derive(Debug)]
struct Selected<'s> {
    plan: &'s Plan,
    /// The most that may be returned.
    most: usize,
    kept: Vec<Kept>,
    /// How many there were, kept or not.
    seen: usize,
}

/// A row, and what it is ordered by.
#[derive(Debug)]
struct Kept {
    values: Vec<Value<'static>>,
    order: Vec<Value<'static>>,
}

impl Kept {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.values.iter().chain(&self.order).map(Value::bytes).sum::<usize>()
    }
}

impl Selected<'_> {
    /// Whether no further row can be part of the result.
    fn is_complete(&self) -> bool {
        let is_full = |limit| limit == 0 || (self.plan.order.is_empty() && self.kept.len() >= limit);
        self.plan.limit.is_some_and(is_full)
    }

    fn add(&mut self, row: Evaluation<'_>, budget: &mut Budget) -> Result<(), AnalyticsError> {
        let wanted = self.plan.limit.unwrap_or(usize::MAX);
        self.seen += 1;
        if wanted.min(self.seen.saturating_sub(self.plan.offset)) > self.most {
            return Err(AnalyticsError::TooManyRows);
        }
        // Without an order the first rows are skipped as they come; else they are known only at the end.
        let skips = self.plan.order.is_empty() && self.seen <= self.plan.offset;
        if skips || self.is_complete() {
            return Ok(());
        }
        let kept = Kept {
            values: self.plan.items.iter().map(|item| row.value(item).keep()).collect(),
            order: self.plan.order.iter().map(|(expr, _)| row.value(expr).keep()).collect(),
        };
        budget.take(kept.bytes())?;
        self.kept.push(kept);
        let enough = self.plan.offset.saturating_add(wanted);
        if !self.plan.order.is_empty() && self.kept.len() >= enough.saturating_mul(2).max(BATCH) {
            self.sort();
            let dropped: usize = self.kept.drain(enough..).map(|kept| kept.bytes()).sum();
            budget.give_back(dropped);
        }
        Ok(())
    }

    /// Rows that are equal in this order stay in the order in which they came.
    fn sort(&mut self) {
        let order = &self.plan.order;
        self.kept.sort_by(|one, two| {
            let columns = order.iter().zip(one.order.iter().zip(&two.order));
            columns.fold(Ordering::Equal, |decided, ((_, direction), (one, two))| {
                decided.then_with(|| in_direction(one, two, *direction))
            })
        });
    }

    fn finish(mut self, budget: &mut Budget) -> Result<Vec<Map<String, Json>>, AnalyticsError> {
        let skipped = if self.plan.order.is_empty() { 0 } else { self.plan.offset };
        self.sort();
        let names: usize = self.plan.names.iter().map(|name| name.len() + size_of::<(String, Json)>()).sum();
        let returned = self.kept.into_iter().skip(skipped).take(self.plan.limit.unwrap_or(usize::MAX));
        returned
            .map(|kept| {
                budget.take(names)?;
                let values = kept.values.into_iter().map(Value::into_json);
                Ok(self.plan.names.iter().cloned().zip(values).collect())
            })
            .collect()
    }
}

/// Null comes last in both directions.
fn in_direction(one: &Value<'_>, two: &Value<'_>, direction: Direction) -> Ordering {
    match direction {
        Direction::Descending if !one.is_null() && !two.is_null() => two.cmp(one),
        Direction::Ascending | Direction::Descending => one.cmp(two),
    }
}

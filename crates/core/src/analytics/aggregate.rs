//! Groups of rows, and what is made of each.

use std::collections::{HashMap, HashSet};

use super::{
    AnalyticsError,
    bind::{Aggregate, Grouping},
    evaluate::Evaluation,
    syntax::AggregateFunction,
    value::Value,
};

/// About what an entry of a map costs beside what is in it.
const ENTRY: usize = 48;

/// How many bytes may still be kept.
#[derive(Debug)]
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    pub(super) fn take(&mut self, bytes: usize) -> Result<(), AnalyticsError> {
        self.0 = self.0.checked_sub(bytes).ok_or(AnalyticsError::TooMuchMemory)?;
        Ok(())
    }

    pub(super) fn give_back(&mut self, bytes: usize) {
        self.0 += bytes;
    }
}

/// The groups there are so far.
#[derive(Debug)]
pub(super) struct Groups<'p> {
    grouping: &'p Grouping,
    /// The number of each group, by its keys.
    numbers: HashMap<Vec<Value<'static>>, usize>,
    /// What is made of each group.
    accumulators: Vec<Vec<Accumulator>>,
}

/// A group: its keys, and then the values of its aggregates.
pub(super) type Group = Vec<Value<'static>>;

impl<'p> Groups<'p> {
    pub(super) fn new(grouping: &'p Grouping) -> Self {
        let mut groups = Self { grouping, numbers: HashMap::new(), accumulators: Vec::new() };
        if grouping.keys.is_empty() {
            // All rows are one group, even if there are none.
            groups.numbers.insert(Vec::new(), 0);
            groups.accumulators.push(groups.fresh());
        }
        groups
    }

    fn fresh(&self) -> Vec<Accumulator> {
        self.grouping.aggregates.iter().map(Accumulator::of).collect()
    }

    /// Adds a row to the group that it belongs to.
    pub(super) fn add(&mut self, row: Evaluation<'_>, budget: &mut Budget) -> Result<(), AnalyticsError> {
        let keys: Vec<Value<'_>> = self.grouping.keys.iter().map(|key| row.value(key)).collect();
        // A map of values that live for ever is also one of values that live as long as these.
        let numbers: &HashMap<Vec<Value<'_>>, usize> = &self.numbers;
        let number = match numbers.get(&keys) {
            Some(number) => *number,
            None => {
                let kept: usize = keys.iter().map(Value::bytes).sum();
                budget.take(ENTRY + kept + self.grouping.aggregates.len() * size_of::<Accumulator>())?;
                let number = self.accumulators.len();
                self.numbers.insert(keys.into_iter().map(Value::keep).collect(), number);
                self.accumulators.push(self.fresh());
                number
            }
        };
        for (accumulator, aggregate) in self.accumulators[number].iter_mut().zip(&self.grouping.aggregates) {
            accumulator.add(aggregate, row, budget)?;
        }
        Ok(())
    }

    /// The groups, in the order of their first rows.
    pub(super) fn finish(self) -> Vec<Group> {
        let mut groups: Vec<Group> = self.accumulators.iter().map(|_| Vec::new()).collect();
        for (keys, number) in self.numbers {
            groups[number] = keys;
        }
        for (group, accumulators) in groups.iter_mut().zip(self.accumulators) {
            group.extend(accumulators.into_iter().map(Accumulator::finish));
        }
        groups
    }
}

/// What is known of an aggregate so far.
#[derive(Debug)]
enum Accumulator {
    Count(i64),
    Sum { ints: i128, floats: Option<f64> },
    Average { sum: f64, count: i64 },
    Min(Value<'static>),
    Max(Value<'static>),
    Uniq(HashSet<Value<'static>>),
}

impl Accumulator {
    fn of(aggregate: &Aggregate) -> Self {
        match aggregate.function {
            AggregateFunction::Count | AggregateFunction::CountIf => Self::Count(0),
            AggregateFunction::Sum | AggregateFunction::SumIf => Self::Sum { ints: 0, floats: None },
            AggregateFunction::Average => Self::Average { sum: 0.0, count: 0 },
            AggregateFunction::Min => Self::Min(Value::Null),
            AggregateFunction::Max => Self::Max(Value::Null),
            AggregateFunction::Uniq => Self::Uniq(HashSet::new()),
        }
    }

    fn add(&mut self, aggregate: &Aggregate, row: Evaluation<'_>, budget: &mut Budget) -> Result<(), AnalyticsError> {
        if aggregate.condition.as_ref().is_some_and(|condition| row.value(condition).holds() != Some(true)) {
            return Ok(());
        }
        let value = aggregate.argument.as_ref().map_or(Value::Int(1), |argument| row.value(argument));
        if value.is_null() {
            return Ok(());
        }
        match self {
            Self::Count(count) => *count += 1,
            Self::Sum { ints, floats } => match value {
                Value::Int(number) => *ints += i128::from(number),
                _ => *floats = Some(floats.unwrap_or(0.0) + value.as_float().unwrap_or(0.0)),
            },
            Self::Average { sum, count } => {
                *sum += value.as_float().unwrap_or(0.0);
                *count += 1;
            }
            Self::Min(least) => {
                // Null is the greatest of all, so anything takes its place.
                if value < *least {
                    replace(least, value, budget)?;
                }
            }
            Self::Max(greatest) => {
                if greatest.is_null() || value > *greatest {
                    replace(greatest, value, budget)?;
                }
            }
            Self::Uniq(values) => {
                let known: &HashSet<Value<'_>> = values;
                if !known.contains(&value) {
                    budget.take(ENTRY + value.bytes())?;
                    values.insert(value.keep());
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> Value<'static> {
        match self {
            Self::Count(count) => Value::Int(count),
            Self::Sum { ints, floats: None } => Value::wide(ints),
            Self::Sum { ints, floats: Some(floats) } => Value::float(ints as f64 + floats),
            Self::Average { count: 0, .. } => Value::Null,
            Self::Average { sum, count } => Value::float(sum / count as f64),
            Self::Min(value) | Self::Max(value) => value,
            Self::Uniq(values) => Value::Int(i64::try_from(values.len()).unwrap_or(i64::MAX)),
        }
    }
}

fn replace(kept: &mut Value<'static>, value: Value<'_>, budget: &mut Budget) -> Result<(), AnalyticsError> {
    budget.take(value.bytes())?;
    budget.give_back(if kept.is_null() { 0 } else { kept.bytes() });
    *kept = value.keep();
    Ok(())
}

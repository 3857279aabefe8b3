//! Refills of credits. Nothing runs at midnight: whoever reads a key's credits applies the refill that is due.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

const DAY: i64 = 86_400_000;

/// How often credits are refilled. It always happens at 00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "interval", rename_all = "lowercase")]
pub enum Interval {
    /// Every day.
    Daily,
    /// Every month.
    Monthly {
        /// The day of the month, from 1; a month that is too short has its refill on its last day.
        #[serde(rename = "refillDay")]
        day: u8,
    },
}

/// A refill as it is configured and stored: `{"interval":"monthly","refillDay":15,"amount":100}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refill {
    /// When it happens.
    #[serde(flatten)]
    pub interval: Interval,
    /// The balance it leads to. It replaces a lower balance and is never added to one.
    pub amount: i64,
}

impl Refill {
    /// The latest moment at or before `now` at which this refills.
    pub fn last_due(&self, now: Timestamp) -> Timestamp {
        let today = now.0.div_euclid(DAY);
        let due = match self.interval {
            Interval::Daily => today,
            Interval::Monthly { day } => {
                let this_month = due_in_month(month_of(today), day);
                if this_month <= today { this_month } else { due_in_month(month_of(today) - 1, day) }
            }
        };
        Timestamp(due.saturating_mul(DAY))
    }

    /// The balance after the refill that is due, and when that was; `None` if none is due.
    ///
    /// `refilled_at` is the latest refill, or when the key or its refill was made: only moments after it count. Several
    /// missed ones are one refill.
    pub fn apply(&self, remaining: i64, refilled_at: Timestamp, now: Timestamp) -> Option<(i64, Timestamp)> {
        let due = self.last_due(now);
        (due > refilled_at).then(|| (remaining.max(self.amount), due))
    }
}

/// The day on which a month has its refill, in days since 1970.
fn due_in_month(month: i64, day: u8) -> i64 {
    let (first, next) = (month_start(month), month_start(month + 1));
    (first + i64::from(day).max(1) - 1).min(next - 1)
}

/// The first day of a month, in days since 1970. Months count from January 1970, which is 0.
///
/// A year begins in March here, so that the leap day is its last; in an era of 400 years all repeats.
pub(crate) fn month_start(month: i64) -> i64 {
    // January 1970 is the eleventh month of its year, which begins in March 1969.
    let months = month + 1969 * 12 + 10;
    let (year, month_of_year) = (months.div_euclid(12), months.rem_euclid(12));
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let leap_days = year_of_era / 4 - year_of_era / 100;
    // Months of 31 and 30 days alternate twice in five months: 153 days in all.
    let day_of_year = (153 * month_of_year + 2) / 5;
    era * 146_097 + year_of_era * 365 + leap_days + day_of_year - 719_468
}

/// The month that a day lies in; both count from 1970.
pub(crate) fn month_of(day: i64) -> i64 {
    // 146,097 days have 4,800 months, and no month is far from where it would be if all had the same length.
    let guess = (day * 4800).div_euclid(146_097);
    (guess - 1..=guess + 1).rev().find(|month| month_start(*month) <= day).unwrap_or(guess - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Days since 1970 of dates that are known: from `date -u -d … +%s`.
    const JANUARY_2023: i64 = 19_358;
    const JANUARY_2024: i64 = 19_723;

    fn monthly(day: u8) -> Refill {
        Refill { interval: Interval::Monthly { day }, amount: 100 }
    }

    fn last_due(refill: Refill, day: i64) -> i64 {
        refill.last_due(Timestamp(day * DAY)).0 / DAY
    }

    #[test]
    fn months_begin_where_the_calendar_says() {
        assert_eq!(month_start(0), 0);
        assert_eq!(month_start(-1), -31);
        assert_eq!(month_start(30 * 12), 10_957, "2000-01-01");
        assert_eq!(month_start(30 * 12 + 2) - month_start(30 * 12 + 1), 29, "2000 is a leap year");
        assert_eq!(month_start(-70 * 12 + 2) - month_start(-70 * 12 + 1), 28, "1900 is none");
        assert_eq!(month_start(53 * 12), JANUARY_2023);
        assert_eq!(month_start(54 * 12), JANUARY_2024);
        let lengths: Vec<_> = (648..660).map(|month| month_start(month + 1) - month_start(month)).collect();
        assert_eq!(lengths, [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]);
    }

    #[test]
    fn a_day_begins_at_midnight() {
        let daily = Refill { interval: Interval::Daily, amount: 100 };
        for (now, due) in [(DAY, DAY), (2 * DAY - 1, DAY), (2 * DAY, 2 * DAY), (0, 0), (-1, -DAY)] {
            assert_eq!(daily.last_due(Timestamp(now)), Timestamp(due));
        }
    }

    #[test]
    fn a_short_month_has_its_refill_on_its_last_day() {
        let refill = monthly(31);
        assert_eq!(last_due(refill, JANUARY_2024 + 30), JANUARY_2024 + 30);
        assert_eq!(last_due(refill, JANUARY_2024 + 31 + 27), JANUARY_2024 + 30, "the 28th of a leap February");
        assert_eq!(last_due(refill, JANUARY_2024 + 31 + 28), JANUARY_2024 + 31 + 28, "the 29th");
        assert_eq!(last_due(refill, JANUARY_2023 + 31 + 27), JANUARY_2023 + 31 + 27, "the 28th of a common one");
        assert_eq!(last_due(refill, JANUARY_2023), JANUARY_2023 - 1, "the 31st of December");
        let just_before = Timestamp((JANUARY_2023 + 14) * DAY - 1);
        assert_eq!(monthly(15).last_due(just_before).0, (JANUARY_2023 - 17) * DAY, "the 15th of December");
    }

    #[test]
    fn only_a_moment_after_the_last_refill_counts_and_only_a_lower_balance_changes() {
        let refill = Refill { interval: Interval::Daily, amount: 100 };
        let due = Timestamp(5 * DAY);
        assert_eq!(refill.apply(3, Timestamp(5 * DAY - 1), due), Some((100, due)));
        assert_eq!(refill.apply(3, due, Timestamp(6 * DAY - 1)), None);
        assert_eq!(refill.apply(300, Timestamp(0), due), Some((300, due)));
        assert_eq!(refill.apply(3, Timestamp(9 * DAY), due), None, "a clock that is set back refills nothing");
    }

    #[test]
    fn it_is_stored_as_the_wire_names_it() {
        for (refill, text) in [
            (Refill { interval: Interval::Daily, amount: 5 }, r#"{"interval":"daily","amount":5}"#),
            (monthly(15), r#"{"interval":"monthly","refillDay":15,"amount":100}"#),
        ] {
            assert_eq!(serde_json::to_string(&refill).unwrap(), text);
            assert_eq!(serde_json::from_str::<Refill>(text).unwrap(), refill);
        }
    }

    proptest! {
        #[test]
        fn a_month_contains_its_days(day in -200_000_000_000_i64..200_000_000_000) {
            let month = month_of(day);
            prop_assert!(month_start(month) <= day && day < month_start(month + 1));
        }

        #[test]
        fn a_monthly_refill_is_due_within_31_days(day in 0_u8..40, now in any::<i64>()) {
            let due = monthly(day).last_due(Timestamp(now)).0;
            prop_assert!(due <= now && now.saturating_sub(due) < 31 * DAY);
        }
    }
}

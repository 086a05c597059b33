//! Parser for the `Date` header (RFC 9110 section 5.6.7, the form that servers send), from which the phone learns how
//! far its clock is off. Independent of the clock.

use crate::ports::EpochMilliseconds;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MILLISECONDS_A_DAY: i64 = 86_400_000;

/// Parses `Sun, 06 Nov 1994 08:49:37 GMT`; returns `None` for anything else.
pub(super) fn parse(header: &str) -> Option<EpochMilliseconds> {
    let (_, date) = header.trim().split_once(", ")?;
    let fields: Vec<&str> = date.split(' ').collect();
    let [day, month, year, time, "GMT"] = fields.as_slice() else { return None };
    let month = MONTHS.iter().position(|name| name == month).and_then(|index| i64::try_from(index + 1).ok())?;
    let clock: Vec<&str> = time.split(':').collect();
    let [hour, minute, second] = clock.as_slice() else { return None };
    let (day, year) = (digits(day, 2, 31)?, digits(year, 4, 9999)?);
    let (hour, minute, second) = (digits(hour, 2, 23)?, digits(minute, 2, 59)?, digits(second, 2, 60)?);
    let seconds = (hour * 60 + minute) * 60 + second;
    Some(days_since_epoch(year, month, day) * MILLISECONDS_A_DAY + seconds * 1000)
}

fn digits(text: &str, length: usize, highest: i64) -> Option<i64> {
    let is_number = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten().filter(|number| *number <= highest)
}

/// Returns the days since 1970-01-01 in the Gregorian calendar. The year starts in March here, so that the leap day is
/// its last day.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let months_since_march = (month + 9) % 12;
    let day_of_year = (153 * months_since_march + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates_are_read() {
        for (header, time) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            // The example from RFC 9110.
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777_000),
            ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199_000),
            ("Mon, 01 Jan 2001 00:00:00 GMT", 978_307_200_000),
        ] {
            assert_eq!(parse(header), Some(time), "{header}");
        }
    }

    #[test]
    fn anything_else_is_no_date() {
        for header in [
            "",
            "now",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov +994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
        ] {
            assert_eq!(parse(header), None, "{header}");
        }
    }
}

//! Times as text (RFC 3339), as AM writes them.

use crate::ports::EpochMilliseconds;

/// The time in UTC, to the second; empty where it is beyond the year 9999.
pub(crate) fn rfc3339(time: EpochMilliseconds) -> String {
    time::OffsetDateTime::from_unix_timestamp(time.div_euclid(1000))
        .ok()
        .and_then(|time| time.format(&time::format_description::well_known::Rfc3339).ok())
        .unwrap_or_default()
}

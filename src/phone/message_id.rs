//! The time of sending inside a message id. It is not signed.

use crate::ports::EpochMilliseconds;

/// Length of the time at the end of a message id, in digits.
const TIME_LENGTH: usize = 13;
/// 2015-01-01: digits that give an earlier time are not a time.
const EARLIEST_TIME: EpochMilliseconds = 1_420_070_400_000;

/// Returns when a message was sent, in epoch milliseconds, if its id ends in 13 digits that are a plausible time, as in
/// OpenAM's message ids.
pub(super) fn sent_at_by_id(message_id: &str) -> Option<EpochMilliseconds> {
    let digits = message_id.get(message_id.len().checked_sub(TIME_LENGTH)?..)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten().filter(|time| *time >= EARLIEST_TIME)
}

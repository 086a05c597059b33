//! What a message id says beside naming a message. Nobody signs it.

use crate::ports::EpochMilliseconds;

/// Length of the time at the end of a message id, in digits.
const TIME_LENGTH: usize = 13;
/// 2015-01-01: digits that say an earlier time are no time.
const EARLIEST_TIME: EpochMilliseconds = 1_420_070_400_000;

/// When a message was sent, in epoch milliseconds, where its id ends in 13 digits that are a time, as OpenAM makes it.
pub(super) fn sent_at_by_id(message_id: &str) -> Option<EpochMilliseconds> {
    let digits = message_id.get(message_id.len().checked_sub(TIME_LENGTH)?..)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten().filter(|time| *time >= EARLIEST_TIME)
}

//! Values of command line options and their counterparts in the core.

use clap::ValueEnum;

use crate::phone::{CommunicationType, DenyReason, KeyChoice};

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Key {
    Software,
    None,
}

impl From<Key> for KeyChoice {
    fn from(key: Key) -> Self {
        match key {
            Key::Software => Self::Software,
            Key::None => Self::None,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Why {
    NotMe,
    Mistake,
    Other,
}

impl From<Why> for DenyReason {
    fn from(why: Why) -> Self {
        match why {
            Why::NotMe => Self::NotMe,
            Why::Mistake => Self::Mistake,
            Why::Other => Self::Other,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Communication {
    Gcm,
    Apns,
    Embedded,
}

impl From<Communication> for CommunicationType {
    fn from(communication: Communication) -> Self {
        match communication {
            Communication::Gcm => Self::Gcm,
            Communication::Apns => Self::Apns,
            Communication::Embedded => Self::Embedded,
        }
    }
}

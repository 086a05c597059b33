//! The networks that an address is counted in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network of IPv4 or IPv6: its first address and the length of its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

impl Network {
    /// The networks of an address, narrowest first: /64, /56 and /48 of IPv6, which one subscriber may all hold; the
    /// address and its /24 of IPv4.
    pub fn all_of(address: IpAddr) -> Vec<Self> {
        let lengths: &[u8] = if address.to_canonical().is_ipv4() { &[32, 24] } else { &[64, 56, 48] };
        lengths.iter().map(|bits| Self::of(address.to_canonical(), *bits)).collect()
    }

    fn of(address: IpAddr, bits: u8) -> Self {
        let first = match address {
            IpAddr::V4(address) => {
                let host = u32::MAX.checked_shr(bits.into()).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & !host))
            }
            IpAddr::V6(address) => {
                let host = u128::MAX.checked_shr(bits.into()).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !host))
            }
        };
        Self { first, bits }
    }

    /// Whether the network is of IPv4, whose addresses many users share.
    pub fn is_version_4(&self) -> bool {
        self.first.is_ipv4()
    }
}

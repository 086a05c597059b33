//! Reading DER (X.690), strictly: one length, one form of each number, nothing left over.
//!
//! Elements come from the library; their contents are read here, as its own readers overlook some of that.

use x509_parser::asn1_rs::{Any, Class, FromDer as _, Tag};

/// Something is not of its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not DER of the form that is expected here")]
pub struct Malformed;

/// Elements of DER one after the other.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn any(&mut self) -> Result<Option<Any<'a>>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let (rest, any) = Any::from_der(self.0).map_err(|_| Malformed)?;
        self.0 = rest;
        Ok(Some(any))
    }

    /// The content of the next element, which must be of this type.
    pub(super) fn next(&mut self, tag: Tag) -> Result<&'a [u8], Malformed> {
        let any = self.any()?.ok_or(Malformed)?;
        let is_constructed = matches!(tag, Tag::Sequence | Tag::Set);
        let header = &any.header;
        if header.class() == Class::Universal && header.tag() == tag && header.constructed() == is_constructed {
            Ok(any.data)
        } else {
            Err(Malformed)
        }
    }

    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }

    pub(super) fn only(mut self, tag: Tag) -> Result<&'a [u8], Malformed> {
        let content = self.next(tag)?;
        self.end()?;
        Ok(content)
    }

    /// An integer or enumerated value that is not negative, in the shortest form and at most 64 bits.
    pub(super) fn unsigned(&mut self, tag: Tag) -> Result<u64, Malformed> {
        match self.next(tag)? {
            [] | [0x80..=0xff, ..] | [0, 0..=0x7f, ..] => Err(Malformed),
            [0, bytes @ ..] | bytes if bytes.len() <= size_of::<u64>() => {
                Ok(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
            }
            _ => Err(Malformed),
        }
    }

    pub(super) fn integers(mut self) -> Result<Vec<u64>, Malformed> {
        let mut integers = Vec::new();
        while !self.0.is_empty() {
            integers.push(self.unsigned(Tag::Integer)?);
        }
        Ok(integers)
    }

    pub(super) fn null(&mut self) -> Result<(), Malformed> {
        if self.next(Tag::Null)?.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

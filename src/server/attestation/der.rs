//! Parses DER (X.690) strictly: one length, one encoding of each number, no trailing bytes.
//!
//! The library splits the input into elements. Their contents are parsed here, because the library's own parsers are
//! less strict.

use x509_parser::asn1_rs::{Any, Class, FromDer as _, Tag};

/// The input does not have the expected form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not DER of the form that is expected here")]
pub struct Malformed;

/// A sequence of DER elements.
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

    /// Returns the content of the next element, which must have this type.
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

    /// Returns the next element as a non-negative integer or enumerated value, in its shortest form and at most 64
    /// bits.
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

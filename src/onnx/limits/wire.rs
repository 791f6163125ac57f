//! Parts of a file, counted before it is decoded.

use super::*;

/// Counts fields with a length, without decoding or copying any.
pub(super) fn has_too_many_parts(bytes: &[u8]) -> bool {
    let (mut parts, mut open) = (0, vec![(Kind::Model, bytes)]);
    while let Some((kind, bytes)) = open.pop() {
        let mut at = 0;
        // What cannot be read is left to the decoder, which says so.
        while let Some((field, content)) = next_field(bytes, &mut at) {
            let Some(content) = content else { continue };
            parts += 1;
            if parts > MOST_PARTS {
                return true;
            }
            open.extend(kind.inside(field).map(|inside| (inside, content)));
        }
    }
    false
}

/// The next field of a message: its number, and its content if it has a length.
fn next_field<'a>(bytes: &'a [u8], at: &mut usize) -> Option<(u64, Option<&'a [u8]>)> {
    let tag = varint(bytes, at)?;
    let size = match tag & 7 {
        0 => {
            varint(bytes, at)?;
            0
        }
        1 => 8,
        2 => usize::try_from(varint(bytes, at)?).ok()?,
        5 => 4,
        _ => return None,
    };
    let content = bytes.get(*at..at.checked_add(size)?)?;
    *at += size;
    Some((tag >> 3, (tag & 7 == 2).then_some(content)))
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// A message of which a file may hold many.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Function,
    Training,
}

impl Kind {
    /// What a field holds, if that has parts of its own; numbers as in `onnx.proto`.
    fn inside(self, field: u64) -> Option<Kind> {
        match (self, field) {
            (Kind::Model, 7) | (Kind::Attribute, 6 | 11) | (Kind::Training, 1 | 2) => {
                Some(Kind::Graph)
            }
            (Kind::Model, 20) => Some(Kind::Training),
            (Kind::Model, 25) => Some(Kind::Function),
            (Kind::Graph, 1) | (Kind::Function, 7) => Some(Kind::Node),
            (Kind::Node, 5) => Some(Kind::Attribute),
            _ => None,
        }
    }
}

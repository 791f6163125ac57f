//! An input as grey values, and how these travel as JSON.

use serde::{Deserialize, Serialize};

use perforate_data::Samples;
use perforate_engine::{Batch, to_array};

/// Columns of a picture of inputs that are no image.
const COLUMNS: usize = 32;

/// Grey values, row by row.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Picture {
    /// Pixels in a row.
    pub width: usize,
    /// From 0, black, to 255; in JSON two hexadecimal digits each.
    #[serde(with = "hex")]
    pub grey: Vec<u8>,
}

impl Picture {
    /// The first input of a sample, scaled from its least value to its greatest; where it is wider than `most`, blocks of
    /// pixels become one.
    pub fn of(samples: &Samples, row: usize, most: usize) -> Picture {
        if samples.text(row).is_some() {
            return Picture::default();
        }
        let inputs: &Batch = samples.inputs();
        let Some(x) = inputs.names().next().and_then(|name| inputs.get(name)) else {
            return Picture::default();
        };
        let width = match x.shape() {
            [_, .., _, width] if x.shape().len() >= 3 => *width,
            _ => COLUMNS,
        };
        let Ok(one) = samples.row(row) else { return Picture::default() };
        let values = one.names().next().and_then(|name| one.get(name)).map(|x| to_array::<f32>(x));
        let Some(Ok(values)) = values else { return Picture::default() };
        let (low, high) = values
            .iter()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
        let scale = if high > low { 255.0 / (high - low) } else { 0.0 };
        let grey = values.iter().map(|v| ((v - low) * scale).round() as u8).collect();
        Picture { width, grey }.within(most)
    }

    /// The same no wider than `most` pixels: the mean of each block.
    fn within(self, most: usize) -> Picture {
        let side = self.width.div_ceil(most.max(1));
        if side < 2 {
            return self;
        }
        let rows = self.grey.len() / self.width;
        let (wide, tall) = (self.width.div_ceil(side), rows.div_ceil(side));
        let block = |at: usize| {
            let (y, x) = (at / wide * side, at % wide * side);
            let rows = y..(y + side).min(rows);
            let columns = x..(x + side).min(self.width);
            let count = (rows.len() * columns.len()) as u32;
            let sum: u32 = rows
                .flat_map(|y| &self.grey[y * self.width..][columns.clone()])
                .map(|&grey| u32::from(grey))
                .sum();
            (sum / count) as u8
        };
        Picture { width: wide, grey: (0..wide * tall).map(block).collect() }
    }
}

/// Bytes as text.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let text: String = digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect();
        serializer.serialize_str(&text)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digit = |c: u8| char::from(c).to_digit(16).map(|digit| digit as u8);
        let byte = |pair: &[u8]| match *pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        };
        let bytes = text.as_bytes().chunks(2).map(byte).collect::<Option<Vec<u8>>>();
        bytes.ok_or_else(|| D::Error::custom("these are no pairs of hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_picture_becomes_one_of_blocks() {
        let picture = Picture { width: 5, grey: (0..15).map(|ix| 10 * ix).collect() };
        assert_eq!(picture.clone().within(5), picture);
        // Blocks of two by two, and what is left at the right and below.
        let small = picture.within(3);
        assert_eq!((small.width, &small.grey[..]), (3, &[30, 50, 65, 105, 125, 140][..]));
    }

    #[test]
    fn a_picture_survives_json() {
        let picture = Picture { width: 16, grey: (0..=255).collect() };
        let json = serde_json::to_string(&picture).unwrap();
        assert_eq!(serde_json::from_str::<Picture>(&json).unwrap(), picture);
        for bad in ["0", "0g", "é"] {
            let json = format!("{{\"width\":1,\"grey\":\"{bad}\"}}");
            assert!(serde_json::from_str::<Picture>(&json).is_err(), "{bad}");
        }
    }
}

//! Numbers as planes of bytes: the first bytes of all of them, then the second ones, which packs a third better.

use half::f16;

use perforate_base::{Error, ErrorKind, Result};

use crate::record::argmax;

/// Columns of rows: `rows[row][column]` for all rows, column after column.
fn columns(rows: &[Vec<f32>], width: usize) -> impl Iterator<Item = f32> + '_ {
    (0..width).flat_map(move |column| rows.iter().map(move |row| row[column]))
}

fn planes<const N: usize>(values: &[[u8; N]], out: &mut Vec<u8>) {
    (0..N).for_each(|byte| out.extend(values.iter().map(|value| value[byte])));
}

/// Writes numbers of 32 bits, `[row][column]`.
pub fn write_f32(rows: &[Vec<f32>], out: &mut Vec<u8>) {
    let width = rows.first().map_or(0, Vec::len);
    let values: Vec<[u8; 4]> = columns(rows, width).map(f32::to_le_bytes).collect();
    planes(&values, out);
}

/// Writes numbers of 64 bits.
pub fn write_f64(values: &[f64], out: &mut Vec<u8>) {
    let values: Vec<[u8; 8]> = values.iter().map(|value| value.to_le_bytes()).collect();
    planes(&values, out);
}

/// Writes scores of classes in 16 bits, `[row][class]`, such that the largest of a row stays the largest.
pub fn write_classes(rows: &[Vec<f32>], out: &mut Vec<u8>) {
    let width = rows.first().map_or(0, Vec::len);
    let rounded: Vec<Vec<f32>> = rows.iter().map(|row| rounded(row)).collect();
    let values: Vec<[u8; 2]> =
        columns(&rounded, width).map(|value| f16::from_f32(value).to_le_bytes()).collect();
    planes(&values, out);
}

/// A row in 16 bits; where rounding would change which is the largest, that one is raised step by step.
pub fn rounded(row: &[f32]) -> Vec<f32> {
    let mut own: Vec<f32> = row.iter().map(|&value| f16::from_f32(value).to_f32()).collect();
    let largest = argmax(row);
    while argmax(&own) != largest && own[largest].is_finite() {
        let bits = f16::from_f32(own[largest]).to_bits();
        let above = match bits {
            0x8000 => 1,
            negative if negative & 0x8000 != 0 => negative - 1,
            positive => positive + 1,
        };
        own[largest] = f16::from_bits(above).to_f32();
    }
    own
}

/// Reads what the functions above wrote.
#[derive(Debug)]
pub struct Reader<'a> {
    /// Name of the file, for errors.
    pub file: &'a str,
    /// What is left.
    pub bytes: &'a [u8],
}

impl Reader<'_> {
    fn values<const N: usize>(&mut self, count: usize) -> Result<Vec<[u8; N]>> {
        let size = count.checked_mul(N).filter(|size| *size <= self.bytes.len());
        let size = size.ok_or_else(|| self.damaged())?;
        let (own, rest) = self.bytes.split_at(size);
        self.bytes = rest;
        let value = |ix: usize| std::array::from_fn(|byte| own[byte * count + ix]);
        Ok((0..count).map(value).collect())
    }

    /// What is said of a file that is shorter than it claims.
    pub fn damaged(&self) -> Error {
        let text = "it is damaged or truncated: fetch it again";
        Error::new(ErrorKind::Data, text).at(self.file)
    }

    /// Numbers of 32 bits, `[rows][width]`.
    pub fn f32(&mut self, rows: usize, width: usize) -> Result<Vec<Vec<f32>>> {
        let values = self.values(rows.saturating_mul(width))?;
        Ok(in_rows(rows, width, |ix| f32::from_le_bytes(values[ix])))
    }

    /// Numbers of 64 bits.
    pub fn f64(&mut self, count: usize) -> Result<Vec<f64>> {
        Ok(self.values(count)?.into_iter().map(f64::from_le_bytes).collect())
    }

    /// Scores of classes in 16 bits, `[rows][width]`.
    pub fn classes(&mut self, rows: usize, width: usize) -> Result<Vec<Vec<f32>>> {
        let values = self.values(rows.saturating_mul(width))?;
        Ok(in_rows(rows, width, |ix| f16::from_le_bytes(values[ix]).to_f32()))
    }
}

/// Rows of what stands column after column.
fn in_rows(rows: usize, width: usize, value: impl Fn(usize) -> f32) -> Vec<Vec<f32>> {
    (0..rows).map(|row| (0..width).map(|column| value(column * rows + row)).collect()).collect()
}

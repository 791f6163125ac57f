//! The file of recorded answers: gzipped, a header in JSON behind its length, then planes of numbers.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use perforate_base::units::{Bytes, Macs};
use perforate_base::{Error, ErrorKind, Result};
use perforate_data::gzip::gunzip;
use perforate_engine::{MAX_GATES, Path, Work};

use super::planes::{Reader, write_classes, write_f32, write_f64};
use super::{HeadFit, ModelAnswers, RecordedAnswers, RecordedSplit};

/// Version of the format.
const VERSION: u32 = 1;

/// What the planes behind it are.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    version: u32,
    binding: String,
    /// Test, calibration, and scaling if there is one.
    splits: Vec<SplitHeader>,
    references: Vec<Shape>,
    /// Heads of each fit.
    fits: Vec<usize>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SplitHeader {
    /// Samples.
    rows: usize,
    gates: usize,
    /// A letter a gate for each path: `t` and `e` for the branch taken, `-` for a gate that it never comes to.
    paths: Vec<String>,
    shapes: Vec<Shape>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Shape {
    rows: usize,
    outputs: usize,
    /// Layers that tell the share they compute on.
    layers: usize,
    /// Whether all samples do the same work.
    same_work: bool,
}

impl RecordedAnswers {
    /// The file. Outputs are kept in 16 bits, with the largest of a row unchanged; scores in 32, work in 64.
    ///
    /// # Errors
    /// `Internal` if it cannot be written.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let splits = [Some(&self.test), Some(&self.calibration), self.scaling.as_ref()];
        let splits: Vec<&RecordedSplit> = splits.into_iter().flatten().collect();
        let header = Header {
            version: VERSION,
            binding: self.binding.clone(),
            splits: splits.iter().map(|split| split_header(split)).collect(),
            references: self.references.iter().map(shape).collect(),
            fits: self.fits.iter().map(Vec::len).collect(),
        };
        let unwritten = |error: String| Error::new(ErrorKind::Internal, error);
        let header = serde_json::to_vec(&header).map_err(|e| unwritten(e.to_string()))?;
        let mut body = (header.len() as u32).to_le_bytes().to_vec();
        body.extend(header);
        for split in splits {
            write_f32(&split.scores, &mut body);
            split.paths.iter().for_each(|(_, answers)| write_answers(answers, &mut body));
        }
        self.references.iter().for_each(|answers| write_answers(answers, &mut body));
        for fit in &self.fits {
            write_f64(&fit.iter().map(|head| head.temperature).collect::<Vec<f64>>(), &mut body);
            write_f64(&fit.iter().map(|head| head.agreement).collect::<Vec<f64>>(), &mut body);
        }
        let mut packed = GzEncoder::new(vec![], Compression::best());
        packed.write_all(&body).map_err(|e| unwritten(e.to_string()))?;
        packed.finish().map_err(|e| unwritten(e.to_string()))
    }

    /// Reads the file called `name`.
    ///
    /// # Errors
    /// `Data` if it is damaged, or of another version.
    pub fn decode(name: &str, bytes: &[u8]) -> Result<RecordedAnswers> {
        let fault = |text: &str| Error::new(ErrorKind::Data, text).at(name);
        let damaged = || fault("it holds no recorded answers, or is damaged: fetch it again");
        let plain = gunzip(name, bytes)?;
        let (length, rest) = plain.split_first_chunk::<4>().ok_or_else(damaged)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (header, bytes) = rest.split_at_checked(length).ok_or_else(damaged)?;
        let header: Header = serde_json::from_slice(header).map_err(|_| damaged())?;
        if header.version != VERSION {
            return Err(fault("it was written for another version: record it anew"));
        }
        let mut reader = Reader { file: name, bytes };
        let mut splits = vec![];
        for split in &header.splits {
            splits.push(read_split(split, &mut reader).ok_or_else(damaged)??);
        }
        let read = |shape: &Shape| read_answers(shape, &mut reader);
        let references = header.references.iter().map(read).collect::<Result<_>>()?;
        let fits = header.fits.iter().map(|&heads| {
            let (temperatures, agreements) = (reader.f64(heads)?, reader.f64(heads)?);
            let pairs = temperatures.into_iter().zip(agreements);
            Ok(pairs.map(|(temperature, agreement)| HeadFit { temperature, agreement }).collect())
        });
        let fits = fits.collect::<Result<_>>()?;
        let mut splits = splits.into_iter();
        let (test, calibration) = splits.next().zip(splits.next()).ok_or_else(damaged)?;
        let scaling = splits.next();
        let binding = header.binding;
        Ok(RecordedAnswers { binding, test, calibration, scaling, references, fits })
    }
}

fn split_header(split: &RecordedSplit) -> SplitHeader {
    let gates = split.scores.first().map_or(0, Vec::len);
    SplitHeader {
        rows: split.scores.len(),
        gates,
        paths: split.paths.iter().map(|(path, _)| letters(*path, gates)).collect(),
        shapes: split.paths.iter().map(|(_, answers)| shape(answers)).collect(),
    }
}

fn shape(answers: &ModelAnswers) -> Shape {
    Shape {
        rows: answers.outputs.len(),
        outputs: answers.outputs.first().map_or(0, Vec::len),
        layers: answers.kept.first().map_or(0, Vec::len),
        same_work: answers.work.windows(2).all(|pair| pair[0] == pair[1]),
    }
}

fn letters(path: Path, gates: usize) -> String {
    let letter = |gate| match path.at(gate) {
        Some(true) => 't',
        Some(false) => 'e',
        None => '-',
    };
    (0..gates).map(letter).collect()
}

fn path_of(letters: &str) -> Option<Path> {
    letters.chars().enumerate().try_fold(Path::default(), |path, (gate, letter)| {
        if gate >= MAX_GATES {
            return None;
        }
        match letter {
            't' => Some(path.through(gate, true)),
            'e' => Some(path.through(gate, false)),
            '-' => Some(path),
            _ => None,
        }
    })
}

fn write_answers(answers: &ModelAnswers, out: &mut Vec<u8>) {
    write_classes(&answers.outputs, out);
    let works = match shape(answers).same_work {
        true => &answers.work[..answers.work.len().min(1)],
        false => &answers.work,
    };
    for part in
        [|work: &Work| work.macs.0, |work: &Work| work.integer_macs.0, |work: &Work| work.bytes.0]
    {
        write_f64(&works.iter().map(part).collect::<Vec<f64>>(), out);
    }
    write_f32(&answers.kept, out);
}

/// None where the header contradicts itself.
fn read_split(header: &SplitHeader, reader: &mut Reader) -> Option<Result<RecordedSplit>> {
    let SplitHeader { rows, gates, paths, shapes } = header;
    let fits = |shape: &Shape| shape.rows == *rows;
    let claimed = *rows > reader.bytes.len();
    if paths.len() != shapes.len() || !shapes.iter().all(fits) || *gates > MAX_GATES || claimed {
        return None;
    }
    let paths: Vec<Path> = paths.iter().map(|letters| path_of(letters)).collect::<Option<_>>()?;
    Some(reader.f32(*rows, *gates).and_then(|scores| {
        let read = |(path, shape): (Path, &Shape)| Ok((path, read_answers(shape, reader)?));
        let paths = paths.into_iter().zip(shapes).map(read).collect::<Result<_>>()?;
        Ok(RecordedSplit { scores, paths })
    }))
}

fn read_answers(shape: &Shape, reader: &mut Reader) -> Result<ModelAnswers> {
    if shape.rows > reader.bytes.len() {
        return Err(reader.damaged());
    }
    let outputs = reader.classes(shape.rows, shape.outputs)?;
    let known = if shape.same_work { shape.rows.min(1) } else { shape.rows };
    let [macs, integer_macs, bytes] = [reader.f64(known)?, reader.f64(known)?, reader.f64(known)?];
    let work = |row: usize| {
        let row = if shape.same_work { 0 } else { row };
        Work {
            macs: Macs(macs[row]),
            integer_macs: Macs(integer_macs[row]),
            bytes: Bytes(bytes[row]),
        }
    };
    let work = (0..shape.rows).map(work).collect();
    let kept = match shape.layers {
        0 => vec![],
        layers => reader.f32(shape.rows, layers)?,
    };
    Ok(ModelAnswers { outputs, work, kept })
}

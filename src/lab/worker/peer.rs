//! The full model beside another runtime, in the page: what that runtime is given, and turns of our own.

use serde::Serialize;

use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::clock::Clock;
use perforate_bench::timing::TimeSlice;
use perforate_engine::{Batch, DatumType, Knobs, Session, to_array};
use perforate_onnx::encode;

use super::lab::Lab;
use crate::catalogue::{Source, find};

/// Inputs of a turn, one at a time.
const ROWS: usize = 16;

/// What another runtime is given.
#[derive(Debug, Serialize)]
pub struct PeerCase {
    /// Inputs, each of them one row: tensors by name.
    pub rows: Vec<Vec<PeerTensor>>,
    /// What our full model answers to each.
    pub answers: Vec<Vec<f32>>,
}

/// A tensor of one row.
#[derive(Debug, Serialize)]
pub struct PeerTensor {
    /// The input's name.
    pub name: String,
    /// `float32` or `int64`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Sizes.
    pub dims: Vec<usize>,
    /// Numbers, row by row.
    pub data: Vec<f64>,
}

/// Our own side of the comparison.
#[derive(Debug)]
pub struct PeerRun {
    session: Session,
    rows: Vec<Batch>,
}

impl<C: Clock + Clone> Lab<C> {
    fn nothing_open() -> Error {
        let text = "no scenario is measured yet: try again in a moment";
        Error::new(ErrorKind::Input, text).at("the comparison")
    }

    /// The full model of the open scenario as an ONNX file. It is composed anew: nobody keeps it.
    ///
    /// # Errors
    /// `Input` where nothing is open, or the model is the user's own.
    pub fn full_model(&self) -> Result<Vec<u8>> {
        let measuring = self.session.measuring().ok_or_else(Self::nothing_open)?;
        let scenario = find(&measuring.experiment.scenario)?;
        if scenario.source == Source::Own {
            let text = "your own model is not compared here: `perforate versus --model` does it";
            return Err(Error::new(ErrorKind::Input, text).at("the comparison"));
        }
        Ok(encode(&scenario.full_model(&self.files, &measuring.experiment)?))
    }

    /// What another runtime is given; our own side is ready after that.
    ///
    /// # Errors
    /// `Input` where nothing is open, or inputs are of a type that JavaScript has no array of.
    pub fn peer_case(&mut self) -> Result<PeerCase> {
        let measuring = self.session.measuring().ok_or_else(Self::nothing_open)?;
        let subject = measuring.sweep.subject();
        let samples = &subject.test.0;
        let batches: Vec<Batch> =
            (0..ROWS.min(samples.len())).map(|row| samples.row(row)).collect::<Result<_>>()?;
        let mut run = PeerRun { session: Session::new(subject.full.clone()), rows: batches };
        let answers = run.answers()?;
        let rows = run.rows.iter().map(tensors).collect::<Result<_>>()?;
        self.peer = Some(run);
        Ok(PeerCase { rows, answers })
    }

    /// A turn of our own: seconds for all rows, one at a time.
    ///
    /// # Errors
    /// `Input` before [`Lab::peer_case`].
    pub fn peer_turn(&mut self) -> Result<f64> {
        let clock = self.clock.clone();
        let run = self.peer.as_mut().ok_or_else(Self::nothing_open)?;
        let slice = TimeSlice::begin(&clock, perforate_base::units::Seconds::default());
        run.pass()?;
        Ok(slice.lasted(&clock).0)
    }
}

impl PeerRun {
    fn pass(&mut self) -> Result<()> {
        for row in &self.rows {
            std::hint::black_box(self.session.run(row, &Knobs::new())?);
        }
        Ok(())
    }

    fn answers(&mut self) -> Result<Vec<Vec<f32>>> {
        let answer = |row: &Batch| -> Result<Vec<f32>> {
            Ok(self.session.run(row, &Knobs::new())?.first()?.into_iter().collect())
        };
        self.rows.iter().map(answer).collect()
    }
}

fn tensors(row: &Batch) -> Result<Vec<PeerTensor>> {
    let of = |name: &str| {
        let Some(tensor) = row.get(name) else {
            return Err(Error::new(ErrorKind::Internal, "an input is missing").node(name));
        };
        let kind = match tensor.datum_type() {
            DatumType::F32 => "float32",
            DatumType::I64 => "int64",
            other => {
                let text = format!("inputs of type {other:?} are not compared here");
                return Err(Error::new(ErrorKind::Input, text).node(name));
            }
        };
        let data = to_array::<f64>(tensor)?.into_iter().collect();
        Ok(PeerTensor { name: name.to_string(), kind, dims: tensor.shape().to_vec(), data })
    };
    row.names().map(of).collect()
}

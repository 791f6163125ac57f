//! A static model beside the routed one: what it answers, row by row.

use std::sync::Arc;

use crate::data::Samples;
use crate::engine::{Knobs, Program, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::units::Macs;

/// Answers of one model without gates for samples 0…n.
#[derive(Debug)]
pub struct Alone {
    session: Session,
    /// Outputs by sample, as far as recorded.
    pub outputs: Vec<Vec<f32>>,
    /// Operations for one sample.
    pub macs: Macs,
}

impl Alone {
    /// Nothing recorded yet. A model with gates is refused: it has no one cost.
    pub fn new(program: Arc<Program>) -> Result<Alone> {
        let macs: Option<Macs> = program.segments().map(|segment| segment.macs).sum();
        match macs {
            Some(macs) if program.gates().is_empty() => {
                Ok(Alone { session: Session::new(program), outputs: vec![], macs })
            }
            _ => Err(Error::new(
                ErrorKind::Model,
                "a static reference must have no gates and a cost that does not depend on the input",
            )),
        }
    }

    /// Runs the next sample, if there is one.
    pub fn extend(&mut self, samples: &Samples) -> Result<()> {
        let row = self.outputs.len();
        if row < samples.len() {
            let outcome =
                self.session.run(&samples.inputs().slice(row..row + 1)?, &Knobs::new())?;
            self.outputs.push(outcome.first()?.iter().copied().collect());
        }
        Ok(())
    }
}

//! What recipes fit on labelled samples, and what was fitted on them before.
//!
//! To fit takes as long as some hundred runs of the full model, and comes out the same on every machine but for rounding.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use tract_onnx::pb::ModelProto;

use perforate_base::Result;
use perforate_bench::record;
use perforate_bench::recorded::HeadFit;
use perforate_data::{Samples, Scaling};
use perforate_engine::{Knobs, PlanCache, Program, Session};
use perforate_routing::fit::temperature;

use super::recipe::answers;

/// Labelled samples that nothing but temperatures is fitted on, and the fits.
#[derive(Debug)]
pub struct Fitting<'a> {
    scaling: &'a Scaling,
    /// What was fitted before, in the order in which it is asked for.
    before: RefCell<VecDeque<Vec<HeadFit>>>,
    /// What was asked for so far.
    fits: RefCell<Vec<Vec<HeadFit>>>,
}

impl<'a> Fitting<'a> {
    /// On these samples, with what was fitted on them before for the same parts.
    pub fn new(scaling: &'a Scaling, before: &[Vec<HeadFit>]) -> Fitting<'a> {
        let before = before.iter().cloned().collect();
        Fitting { scaling, before: RefCell::new(before), fits: RefCell::default() }
    }

    /// The samples.
    pub fn samples(&self) -> &'a Samples {
        &self.scaling.0
    }

    /// Everything that was fitted, in the order in which it was asked for.
    pub fn into_fits(self) -> Vec<Vec<HeadFit>> {
        self.fits.into_inner()
    }

    /// Of each output of `heads`, logits all of them. What a gate needs to know is not whether an answer is right, but
    /// whether the full model would give another one: temperatures are fitted to its answers, and no label is read.
    ///
    /// # Errors
    /// `Model` where one of them cannot be run on the samples.
    pub fn fit(&self, heads: &ModelProto, full: &ModelProto) -> Result<Vec<HeadFit>> {
        let fits = match self.before.borrow_mut().pop_front() {
            Some(fits) => fits,
            None => fit(heads, full, self.samples())?,
        };
        self.fits.borrow_mut().push(fits.clone());
        Ok(fits)
    }
}

fn fit(heads: &ModelProto, full: &ModelProto, samples: &Samples) -> Result<Vec<HeadFit>> {
    let wanted = answers(full, samples)?;
    let wanted: Vec<usize> =
        wanted.rows().into_iter().map(|row| record::argmax(&row.to_vec())).collect();
    let program = Program::from_proto(&PlanCache::default(), "part", heads, 0)?;
    let mut session = Session::new(Arc::new(program));
    let outputs = record::all_answers(&mut session, samples, &Knobs::new())?.into_iter();
    Ok(outputs
        .map(|logits| {
            let rows: Vec<Vec<f32>> = logits.rows().into_iter().map(|row| row.to_vec()).collect();
            let same = rows.iter().zip(&wanted).filter(|(row, full)| record::argmax(row) == **full);
            HeadFit {
                temperature: temperature::fit(&rows, &wanted),
                agreement: same.count() as f64 / rows.len().max(1) as f64,
            }
        })
        .collect())
}

//! Several models of the user's, asked about the same rows, as those who choose among them want it.

use std::collections::HashSet;
use std::sync::Arc;

use perforate_base::units::Macs;
use perforate_base::{Error, ErrorKind, Result};
use perforate_data::Samples;
use perforate_engine::{Knobs, Program, Session, to_array};
use perforate_onnx::{Component, chain};

use super::options::{FEWEST, Options, too_few};
use crate::exits::OUTPUT;

/// A model, and what it answered so far.
#[derive(Debug)]
pub(super) struct Member {
    pub component: Component,
    session: Session,
    /// Logits by row.
    pub answers: Vec<Vec<f32>>,
    /// Operations for one row.
    pub macs: Macs,
}

impl Member {
    /// The model with its answer, called as parts of a chain call it, as its one output.
    pub fn part(&self) -> Result<Component> {
        let answer = self.component.outputs()[0].name.as_str();
        let part = chain(std::slice::from_ref(&self.component), &[(answer, OUTPUT)])?;
        Component::new(self.component.name(), part.model().clone())
    }
}

/// Models, cheapest first, and the rows that they are asked about.
#[derive(Debug)]
pub struct Asking {
    pub(super) members: Vec<Member>,
    pub(super) samples: Samples,
    width: usize,
}

impl Asking {
    /// Begins with `models`, classifiers of the same inputs. The costliest one is to be replaced.
    pub fn new(models: Vec<Component>, samples: Samples, options: Options) -> Result<Asking> {
        let Some(first) = models.first().filter(|_| models.len() > 1) else {
            return Err(Error::new(ErrorKind::Config, "a cascade needs two models or more"));
        };
        if options.numbers || options.gates {
            let text = "a cascade asks classifiers, by their largest probability: numbers and gates are for exits";
            return Err(Error::new(ErrorKind::Config, text).at(first.name()));
        }
        if samples.len() < FEWEST {
            return Err(too_few(samples.len()).at(first.name()));
        }
        let reads = |model: &Component| -> HashSet<String> {
            model.inputs().map(|input| input.name.clone()).collect()
        };
        let row = samples.row(0)?;
        let (wanted, known) = (reads(first), first.name().to_string());
        let opset = first.opset();
        let mut width = None;
        let mut members = vec![];
        for component in models {
            let fault = |text: String| Error::new(ErrorKind::Model, text).at(component.name());
            if reads(&component) != wanted {
                return Err(fault(format!(
                    "it reads other inputs than {known}: models of one cascade read the same, under the same names"
                )));
            }
            if component.opset() != opset {
                return Err(fault(format!(
                    "it uses operator set {}, and {known} {opset}: export models of one router alike",
                    component.opset()
                )));
            }
            let program =
                Program::from_proto(&Default::default(), component.name(), component.model(), 0)?;
            if !program.gates().is_empty() {
                return Err(fault("it is routed already, so it makes no part of a cascade".into()));
            }
            let mut session = Session::new(Arc::new(program));
            let outcome = session.run(&row, &Knobs::new())?;
            let own = outcome.first()?.len();
            if own < 2 || *width.get_or_insert(own) != own {
                return Err(fault(format!(
                    "its first output has {own} numbers a row: models of one cascade are classifiers of the same classes"
                )));
            }
            let macs = outcome.trace.total_macs();
            members.push(Member { component, session, answers: vec![], macs });
        }
        members.sort_by(|a, b| a.macs.0.total_cmp(&b.macs.0));
        Ok(Asking { members, samples, width: width.unwrap_or(0) })
    }

    /// Numbers in an answer.
    pub fn width(&self) -> usize {
        self.width
    }

    /// What is being done, and how much of it is done.
    pub fn progress(&self) -> (String, f64) {
        let (done, all) = (self.members[0].answers.len(), self.samples.len());
        (format!("Asking all models, row {done} of {all}"), done as f64 / all as f64)
    }

    /// Whether all have answered.
    pub fn is_done(&self) -> bool {
        self.members.iter().all(|member| member.answers.len() == self.samples.len())
    }

    /// Asks all models about the next row.
    pub fn step(&mut self) -> Result<()> {
        let row = self.members[0].answers.len();
        if row == self.samples.len() {
            return Ok(());
        }
        let batch = self.samples.row(row)?;
        for member in &mut self.members {
            let outcome = member.session.run(&batch, &Knobs::new())?;
            let (_, answer) = outcome
                .outputs()
                .next()
                .ok_or_else(|| Error::new(ErrorKind::Internal, "the model gives nothing"))?;
            let answer: Vec<f32> = to_array::<f32>(answer)?.into_iter().collect();
            if answer.iter().any(|v| !v.is_finite()) {
                let text = format!("its answer to row {row} is not finite");
                return Err(Error::new(ErrorKind::Model, text).at(member.component.name()));
            }
            member.answers.push(answer);
        }
        Ok(())
    }

    /// The costliest model: the one to be replaced.
    pub fn full(&self) -> &Component {
        &self.members[self.members.len() - 1].component
    }
}

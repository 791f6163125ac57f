//! Several models of the user's as a cascade: which of them are worth asking first, and how sure they must be.

use std::collections::HashSet;
use std::sync::Arc;

use crate::exits::{Confidence, OUTPUT};
use crate::fit::classes::{argmax, most_probable};
use crate::fit::temperature;
use crate::model_chain::ModelChain;
use crate::score::Score;
use perforate_base::units::Macs;
use perforate_base::{Error, ErrorKind, Result};
use perforate_data::Samples;
use perforate_engine::{Knobs, Program, Session, to_array};
use perforate_onnx::{Component, chain};

use super::choose::{Candidate, choose};
use super::found::{Exit, Found, Parts};
use super::options::{FEWEST, Options, too_few};

/// A model, and what it answered so far.
#[derive(Debug)]
struct Member {
    component: Component,
    session: Session,
    answers: Vec<Vec<f32>>,
    macs: Macs,
}

/// A search among models.
#[derive(Debug)]
pub struct ChainSearch {
    members: Vec<Member>,
    samples: Samples,
    options: Options,
    width: usize,
}

impl ChainSearch {
    /// A search among `models` on `samples`, of which labels are not read. The costliest model is the one to be replaced.
    pub fn new(models: Vec<Component>, samples: Samples, options: Options) -> Result<ChainSearch> {
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
        let mut width = None;
        let mut members = vec![];
        for component in models {
            let fault = |text: String| Error::new(ErrorKind::Model, text).at(component.name());
            if reads(&component) != wanted {
                return Err(fault(format!(
                    "it reads other inputs than {known}: models of one cascade read the same, under the same names"
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
        Ok(ChainSearch { members, samples, options, width: width.unwrap_or(0) })
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

    /// Whether [`ChainSearch::found`] can be asked.
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

    /// Chooses which models are asked first.
    pub fn found(self) -> Result<Found> {
        let (full, before) = self
            .members
            .split_last()
            .ok_or_else(|| Error::new(ErrorKind::Internal, "a cascade without models"))?;
        let answers: Vec<usize> = full.answers.iter().map(|row| argmax(row)).collect();
        let (mut exits, mut candidates, mut temperatures) = (vec![], vec![], vec![]);
        for member in before {
            let temperature = temperature::fit(&member.answers, &answers);
            let confidence =
                member.answers.iter().map(|row| most_probable(row, temperature)).collect();
            let own = member.answers.iter().zip(&answers);
            let agrees: Vec<bool> = own.map(|(row, &full)| argmax(row) == full).collect();
            let share = member.macs / full.macs;
            exits.push(Exit {
                tensor: member.component.name().to_string(),
                features: 0,
                share,
                head: 0.0,
                agreement: agrees.iter().filter(|&&a| a).count() as f64 / agrees.len() as f64,
                kept: false,
            });
            temperatures.push(temperature as f32);
            // A model that is asked is paid for, whether its answer stands or not.
            candidates.push(Candidate { cost: (0.0, share), confidence, agrees });
        }
        let choice = choose(&candidates, self.options.exits, self.options.risk)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "there are no candidates"))?;
        choice.exits.iter().for_each(|&ix| exits[ix].kept = true);
        let chosen = choice.exits.iter().map(|&ix| &before[ix]).chain([full]);
        let parts = chosen
            .map(|member| {
                let answer = member.component.outputs()[0].name.as_str();
                let part = chain(std::slice::from_ref(&member.component), &[(answer, OUTPUT)])?;
                Component::new(member.component.name(), part.model().clone())
            })
            .collect::<Result<Vec<_>>>()?;
        let confidence = Confidence {
            score: Score::MaxProbability,
            temperatures: choice.exits.iter().map(|&ix| temperatures[ix]).collect(),
        };
        Ok(Found {
            parts: Parts::Chain(ModelChain::new(&parts, &[])?),
            confidence,
            exits,
            expected_cost: choice.cost,
            tolerance: None,
            output: full.component.outputs()[0].name.clone(),
        })
    }
}

/// The whole search at once.
pub fn model_chain(models: Vec<Component>, samples: Samples, options: Options) -> Result<Found> {
    let mut search = ChainSearch::new(models, samples, options)?;
    while !search.is_done() {
        search.step()?;
    }
    search.found()
}

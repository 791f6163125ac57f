//! What the verdict rests on: the router beside simpler models, on the same samples and in the same rounds.

use perforate_routing::names::model_name;

use crate::mixture::{self, Measured as Entrant};
use crate::paired::Paired;
use crate::point::Point;
use crate::self_check::SelfCheck;
use crate::setting::Setting;
use crate::stats::Interval;
use crate::subject::LightRole;
use crate::verdict::{Evidence, Rival, RivalKind};

use super::assemble::Measured;
use super::model::Contender;

/// The operating point that a verdict is about.
pub(super) struct Chosen<'a> {
    pub setting: Setting,
    pub point: &'a Point,
    pub certified: bool,
}

/// A simpler model: its contender, and which samples it answers right.
struct Simpler {
    contender: Contender,
    right: Vec<bool>,
}

impl Measured<'_> {
    /// What the full model against itself shows, once it was timed.
    pub(super) fn self_check(&self) -> Option<SelfCheck> {
        let weight = |row: usize| self.setup.weight(self.found.full_costs.row(row));
        self.found.router.as_ref()?.self_check(weight)
    }

    /// The evidence, for the operating point if there is one.
    pub(super) fn evidence(
        &self,
        chosen: Option<Chosen<'_>>,
        beats_random: Option<bool>,
    ) -> Evidence {
        let (subject, answers) = (&self.setup.subject, &self.found.answers);
        let speedup = chosen.as_ref().and_then(|chosen| chosen.point.batch1).map(|own| own.speedup);
        let check = self.self_check();
        let simpler = self.simpler();
        let n = answers.test.len();
        let full = &answers.test.paths[answers.test.index_of(answers.full)].outputs;
        let full = self.right(&full[..n]);
        let all_judged = simpler.len() == 1 + self.statics().count();
        let router = chosen.as_ref().map(|chosen| (chosen.setting, self.right_of(chosen.setting)));
        let rivals = router.iter().flat_map(|(setting, right)| {
            simpler.iter().map(|own| self.rival(own, Contender::Routed(*setting), [right, &full]))
        });
        Evidence {
            quality: check.map(|check| check.quality(speedup)),
            speedup,
            certified: chosen.as_ref().is_some_and(|chosen| chosen.certified),
            calibrating: answers.calibration.len() < subject.calibration.0.len(),
            complete: n == subject.test.0.len()
                && all_judged
                && check.is_some()
                && (!answers.are_from_before() || self.found.answers_check.is_some())
                && (self.is_headline_done || self.setup.options.headline.is_none()),
            beats_random,
            rivals: rivals.collect(),
            above_mixtures: router.as_ref().and_then(|(setting, right)| {
                self.above_mixtures(*setting, [right, &full], &simpler)
            }),
            margin: self.setup.options.target.epsilon,
            n,
        }
    }

    /// Places of the static models among the references.
    fn statics(&self) -> impl Iterator<Item = usize> {
        let references = self.setup.subject.references.iter().enumerate();
        references.filter(|(_, program)| program.gates().is_empty()).map(|(ix, _)| ix)
    }

    /// The light model and the static ones, as far as they are judged on all recorded samples.
    fn simpler(&self) -> Vec<Simpler> {
        let answers = &self.found.answers;
        let n = answers.test.len();
        let light = &answers.test.paths[answers.test.index_of(answers.light)].outputs;
        let light = Simpler { contender: Contender::Light, right: self.right(&light[..n]) };
        let judged = self.statics().filter_map(|ix| {
            let outputs = self.found.references[ix].outputs.get(..n)?;
            Some(Simpler { contender: Contender::Reference(ix), right: self.right(outputs) })
        });
        std::iter::once(light).chain(judged).collect()
    }

    /// Which samples are answered right; without labels, as the full model answers them.
    fn right(&self, outputs: &[Vec<f32>]) -> Vec<bool> {
        let answers = outputs.iter().map(Vec::as_slice).enumerate();
        answers.map(|(row, output)| self.is_right(row, output)).collect()
    }

    fn right_of(&self, setting: Setting) -> Vec<bool> {
        let recording = &self.found.answers.test;
        let knobs = setting.knobs(&self.setup.subject.knob);
        let rows = 0..recording.len();
        rows.map(|row| self.is_right(row, recording.at(row, &knobs).output)).collect()
    }

    fn is_right(&self, row: usize, output: &[f32]) -> bool {
        let truth = self.found.answers.test_truth(&self.setup.subject);
        truth.is_right(row, output).unwrap_or_else(|| truth.agrees(row, output))
    }

    /// A simpler model beside the router and the full model, which are right on these samples.
    fn rival(&self, own: &Simpler, router: Contender, [right, full]: [&[bool]; 2]) -> Rival {
        let subject = &self.setup.subject;
        let against =
            |other: &[bool]| Paired::count(other.iter().copied().zip(own.right.iter().copied()));
        let is_exit =
            own.contender == Contender::Light && subject.light_role == LightRole::FirstExit;
        let beside = against(right);
        Rival {
            name: match own.contender {
                Contender::Light if is_exit => "The first exit".into(),
                Contender::Light => "The light model".into(),
                other => model_name(other.model().program(subject).name()),
            },
            kind: if is_exit { RivalKind::FirstExit } else { RivalKind::Static },
            speedup: self.over_rounds(Contender::Full, own.contender),
            faster: self.over_rounds(router, own.contender),
            behind: beside.difference(),
            behind_full: against(full).difference(),
            enough: beside.enough(),
        }
    }

    /// Time of a contender over another's.
    fn over_rounds(&self, own: Contender, other: Contender) -> Interval {
        let timer = self.best(&[own, other]);
        timer.interval(&timer.ratios(own, other))
    }

    fn above_mixtures(
        &self,
        setting: Setting,
        [right, full]: [&[bool]; 2],
        simpler: &[Simpler],
    ) -> Option<Interval> {
        let others = simpler.iter().map(|own| own.contender);
        let all: Vec<Contender> =
            others.chain([Contender::Full, Contender::Routed(setting)]).collect();
        let timer = self.best(&all);
        let entrant = |contender: Contender, right: &[bool]| Entrant {
            right: right.to_vec(),
            costs: timer.ratios(contender, Contender::Full),
        };
        let full = entrant(Contender::Full, full);
        let others = simpler.iter().map(|own| entrant(own.contender, &own.right));
        let statics: Vec<Entrant> = std::iter::once(full).chain(others).collect();
        let router = entrant(Contender::Routed(setting), right);
        let launches = timer.samples().launches();
        mixture::distance(&router, &statics, &launches)
    }
}

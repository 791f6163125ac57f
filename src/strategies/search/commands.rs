//! What the command line offers of a search.

use std::collections::BTreeMap;

use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Named, Result};
use perforate_data::{Answers, Samples, own};
use perforate_engine::Program;
use perforate_onnx::Component;
use perforate_routing::score;
use perforate_routing::search::{Found, Options, exits, model_chain};

use super::section;
use crate::command::{Argument, Host, Value};

/// Seed of the inputs that are drawn where none are given.
const SEED: u64 = 42;

/// What the command line is asked for a search.
pub fn arguments() -> Vec<Argument> {
    let epsilon = "Share of the answers that may change, which exits are chosen for";
    let answers = Answers::ALL.iter().map(Named::name).collect();
    vec![
        Argument::new("epsilon", Value::Number(Some(0.01)), epsilon),
        Argument::new("answers", Value::Choice(answers), "What the model answers with"),
        Argument::new("pictures", Value::Pictures, "How pictures become inputs"),
    ]
}

/// Finds exits for the model given under `name`, or a cascade of several, and composes what was found.
///
/// # Errors
/// As for the search, or `Config` where it is asked for a score that it does not have.
pub fn compose(host: &dyn Host, strategy: &str, name: &str) -> Result<ModelProto> {
    let score = score::Kind::from_name(&host.word("score"))?;
    if ![score::Kind::MaxProbability, score::Kind::Gate].contains(&score) {
        let text = "exits that are found use max-probability, or a gate";
        return Err(Error::new(ErrorKind::Config, text).at("--score"));
    }
    let given = given(host, name)?;
    let Given { mut models, samples, numbers } = match given {
        Some(given) => given,
        None => drawn(host, name)?,
    };
    let risk = f64::from(host.number("epsilon"));
    let gates = score == score::Kind::Gate;
    let options = Options { risk, numbers, gates, ..Options::default() };
    let found = match models.len() {
        1 => exits(models.remove(0), samples, options)?,
        _ => model_chain(models, samples, options)?,
    };
    say(host, &found)?;
    let names = host.files(name)?.into_iter().enumerate();
    let roles = names.map(|(ix, file)| (format!("model{}", ix + 1), file.path));
    found.compose(strategy, host.number("threshold"), roles.collect::<BTreeMap<_, _>>())
}

/// Models and inputs, as they were given.
pub struct Given {
    /// The models.
    pub models: Vec<Component>,
    /// The inputs, with labels where there are some.
    pub samples: Samples,
    /// Whether the models answer with numbers.
    pub numbers: bool,
}

/// The models given under `name`, and the inputs; none where no inputs are given.
///
/// # Errors
/// As for reading files.
pub fn given(host: &dyn Host, name: &str) -> Result<Option<Given>> {
    let (models, program, numbers) = models(host, name)?;
    let Some(inputs) = host.inputs("inputs", &program)? else { return Ok(None) };
    let samples = own::read(&inputs.path, &inputs.bytes, &program, numbers)?;
    Ok(Some(Given { models, samples, numbers }))
}

/// The models given under `name`, on inputs drawn at random.
fn drawn(host: &dyn Host, name: &str) -> Result<Given> {
    let (models, program, numbers) = models(host, name)?;
    Ok(Given { models, samples: own::generate(&program, SEED)?, numbers })
}

/// The models, the first one's program, and whether they answer with numbers.
fn models(host: &dyn Host, name: &str) -> Result<(Vec<Component>, Program, bool)> {
    let files = host.files(name)?;
    let models = host.components(name)?;
    let program = Program::load(&files[0].path, &files[0].bytes)?;
    let answers = Answers::from_name(&host.word("answers"))?;
    let numbers = answers == Answers::Numbers || models[0].gives_one_number();
    Ok((models, program, numbers))
}

/// Prints what was tried, and what it is expected to save.
///
/// # Errors
/// `Io` where it cannot be printed.
pub fn say(host: &dyn Host, found: &Found) -> Result<()> {
    let rows: Vec<_> = found.exits.iter().map(section::cells).collect();
    if let Some(first) = rows.first() {
        let titles: Vec<&str> = first.iter().map(|(title, _)| *title).collect();
        let cells = rows.iter().map(|row| row.iter().map(|(_, cell)| cell.clone()).collect());
        host.table(&titles, cells.collect())?;
    }
    host.say(&format!("expected to spend {:.1} % of the operations", 100.0 * found.expected_cost))
}

//! `route`: composes a routed model from the files of its parts, as its strategy says.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, value_parser};
use perforate_engine::Program;
use perforate_onnx::{encode, sink};
use perforate_strategies::{Strategy, registered};

use crate::{Error, ErrorKind, Named, Result};

use super::host::{Given, with_arguments};
use super::io::{named, say, write};
use super::knob_form::{self, KnobForm};

/// The subcommand with one of its own for each strategy.
pub fn command() -> clap::Command {
    let command = clap::Command::new("route")
        .about("Compose a routed model")
        .subcommand_required(true)
        .arg_required_else_help(true);
    let routes = registered().into_iter().filter_map(|strategy| strategy.route());
    command.subcommands(routes.map(|route| {
        let out = Arg::new("out").long("out").required(true).value_parser(value_parser!(PathBuf));
        let own = clap::Command::new(route.name).about(route.about);
        let knob = Arg::new("knob").long("knob").value_parser(named::<KnobForm>());
        let knob = knob.default_value(KnobForm::Default.name()).help(knob_form::HELP);
        let out = out.help("Where to write the routed model");
        with_arguments(own, &route.arguments).arg(knob).arg(out)
    }))
}

/// Composes the model, loads it as a check, and writes it.
pub fn route(matches: &ArgMatches) -> Result<()> {
    let (name, matches) = matches
        .subcommand()
        .ok_or_else(|| Error::new(ErrorKind::Config, "name a strategy").at("route"))?;
    let named = |strategy: &&dyn Strategy| strategy.route().is_some_and(|own| own.name == name);
    let strategy = registered().into_iter().find(named);
    let strategy = strategy
        .ok_or_else(|| Error::new(ErrorKind::Config, "there is no such strategy").at(name))?;
    let mut model = strategy.compose(&Given::new(matches))?;
    for moved in sink(&mut model) {
        let branch = moved.branch.trim_end_matches("_branch");
        say!("`{}` moved into the {branch} branch of `{}`", moved.node, moved.gate);
    }
    let knob = matches.get_one("knob").copied().unwrap_or(KnobForm::Default);
    knob.apply(&mut model)?;
    let out: &PathBuf = matches
        .get_one("out")
        .ok_or_else(|| Error::new(ErrorKind::Config, "name a file to write").at("--out"))?;
    let bytes = encode(&model);
    Program::load(&out.display().to_string(), &bytes)?;
    write(out, bytes)
}

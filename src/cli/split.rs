//! `split`: a routed file in two, at a gate, and what that saves.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use perforate_base::units::{grouped, percent};
use perforate_bench::clock::SystemClock;
use perforate_bench::split::{Load, Network, ROUNDS, SplitTimes, time_splits};
use perforate_data::{Samples, own};
use perforate_engine::Program;
use perforate_onnx::{Component, encode};
use perforate_routing::split::{Halves, Sends, Splitter};

use crate::units::Seconds;
use crate::{Error, ErrorKind, Named, Result};

use super::io::{PictureArguments, named, read, read_inputs, say, write};
use super::model::knobs_of;
use super::quantities::{rate, time};
use super::table::print_table;

/// Inputs that are timed.
const MOST_TIMED: usize = 1000;

#[derive(clap::Args)]
pub struct SplitArguments {
    model: PathBuf,
    /// The gate; a wrong or missing name lists those that there are.
    #[arg(long)]
    gate: Option<String>,
    /// Folder for device.onnx and server.onnx.
    #[arg(long, default_value = ".")]
    out: PathBuf,
    /// What is sent for a row that the device has not answered: `features`, what the rest reads; `eight-bits`, the same in
    /// eight bits, which may change an answer; `input`, from which the server computes the features again. Unless given, the
    /// smaller of `features` and `input`.
    #[arg(long, value_parser = named::<Sends>())]
    send: Option<Sends>,
    /// Measure what the split saves on these inputs: an .npz, .npy or .csv file, or a folder of pictures.
    #[arg(long)]
    inputs: Option<PathBuf>,
    #[command(flatten)]
    pictures: PictureArguments,
    /// NAME=VALUE, for that measurement.
    #[arg(long)]
    knob: Vec<String>,
    /// Assumed round trip of the network.
    #[arg(long, value_parser = time, default_value = "40ms")]
    round_trip: Seconds,
    /// Assumed bandwidth towards the server.
    #[arg(long, value_parser = rate, default_value = "10Mbit/s")]
    bandwidth: f64,
}

/// Splits the file, says what passes between the halves, and measures it on inputs.
pub fn split(arguments: &SplitArguments) -> Result<()> {
    let (name, bytes) = (arguments.model.display().to_string(), read(&arguments.model)?);
    let component = Component::decode(&name, &bytes)?;
    let program = Arc::new(Program::load(&name, &bytes)?);
    let splitter = Splitter::new(&component, &program, arguments.gate.as_deref())?;
    let sends = arguments.send.unwrap_or_else(|| splitter.smallest_exact());
    let halves = splitter.split(sends)?;
    std::fs::create_dir_all(&arguments.out).map_err(|e| {
        Error::new(ErrorKind::Io, format!("the folder cannot be made ({e})"))
            .at(arguments.out.display().to_string())
    })?;
    let (device, server) = write_halves(&arguments.out, &halves)?;
    let half = &halves.half;
    let mut outputs = half.answers.clone();
    outputs.extend(half.score.iter().chain([&half.answered]).cloned());
    let own = |name: &&String| !program.inputs().iter().any(|input| input.name == **name);
    outputs.extend(half.sent.iter().filter(own).cloned());
    say!("device.onnx  {}, gives {}", device.file_size(), outputs.join(", "));
    say!("server.onnx  {}, takes {}", server.file_size(), half.sent.join(", "));
    for &way in Sends::ALL {
        if splitter.check(way).is_ok() {
            let sent = if way == sends { " ← sent" } else { "" };
            say!(
                "{:<11}  {} per row that the device has not answered{sent}",
                way.name(),
                size_of(&splitter, way)
            );
        }
    }
    if sends == Sends::EightBits {
        say!(
            "In eight bits an answer may differ from the whole file's; `--send features` keeps every answer."
        );
    }
    let Some(inputs) = &arguments.inputs else { return Ok(()) };
    let file = read_inputs(inputs, || arguments.pictures.form(&program))?;
    let numbers = program.metadata().tolerance.is_some();
    let all = own::read(&inputs.display().to_string(), &file, &program, numbers)?;
    let timed = all.select(&(0..all.len().min(MOST_TIMED)).collect::<Vec<_>>())?;
    measure(&splitter, &program, &timed, arguments)
}

fn write_halves(folder: &Path, halves: &Halves) -> Result<(Program, Program)> {
    let save = |name: &str, model| {
        let (path, bytes) = (folder.join(name), encode(model));
        let program = Program::load(&path.display().to_string(), &bytes)?;
        write(&path, bytes)?;
        Ok(program)
    };
    Ok((save("device.onnx", &halves.device)?, save("server.onnx", &halves.server)?))
}

fn size_of(splitter: &Splitter, sends: Sends) -> String {
    match splitter.bytes(sends) {
        Some(bytes) => format!("{} bytes", grouped(bytes as usize)),
        None => "as many bytes as the input's open sizes make".into(),
    }
}

/// Prints a row for each way to send, between all on the device and all on the server.
fn measure(
    splitter: &Splitter,
    program: &Arc<Program>,
    inputs: &Samples,
    arguments: &SplitArguments,
) -> Result<()> {
    let network = Network { round_trip: arguments.round_trip, bandwidth: arguments.bandwidth };
    let (clock, knobs) = (SystemClock::default(), knobs_of(&arguments.knob)?);
    let (mut ways, mut halves) = (vec![], vec![]);
    for &sends in Sends::ALL {
        if splitter.check(sends).is_err() {
            continue;
        }
        let split = splitter.split(sends)?;
        let load = |name: &str, model| Program::load(name, &encode(model)).map(Arc::new);
        halves.push([load("device.onnx", &split.device)?, load("server.onnx", &split.server)?]);
        let name = match sends {
            Sends::Features => "features, f32",
            Sends::EightBits => "features, eight bits",
            Sends::Input => "the input",
        };
        ways.push(name);
    }
    let (whole, times) = time_splits(&clock, program, &halves, (inputs, &knobs))?;
    let here = SplitTimes { device: whole.clone(), server: vec![None; whole.len()] };
    let there = SplitTimes::all_sent(&whole, inputs)?;
    let mut rows = vec![row("nothing: all on the device", &here.load(&network))];
    rows.extend(ways.into_iter().zip(&times).map(|(name, own)| row(name, &own.load(&network))));
    rows.push(row("all inputs: all on the server", &there.load(&network)));
    say!("");
    let titles = [
        "sent",
        "answered on the device",
        "per input",
        "latency, median",
        "95 %",
        "server, 1,000 inputs",
    ];
    print_table(&titles, rows)?;
    say!(
        "n = {}, one at a time. Times of both sides are measured on this machine, each the median of {} rounds. The network is assumed: \
         round trip {}, {:.3} Mbit/s; set --round-trip and --bandwidth to yours.",
        inputs.len(),
        ROUNDS - 1,
        network.round_trip,
        network.bandwidth / 1e6
    );
    Ok(())
}

fn row(name: &str, load: &Load) -> Vec<String> {
    vec![
        name.to_string(),
        percent(load.answered, 1),
        load.bytes.to_string(),
        load.median.to_string(),
        load.p95.to_string(),
        if load.server.0 > 0.0 { load.server.to_string() } else { "–".into() },
    ]
}

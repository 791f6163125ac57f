//! Changed files of every other kind that is read: arrays, tables, gzipped images, pictures, experiments and reports in JSON.

use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use flate2::{Compression, write::GzEncoder};
use perforate::data::{images, npz, own, sentences};
use perforate::engine::Program;
use perforate::onnx::{GraphBuilder, Metadata, OPSET, Size, encode};
use perforate::report::{Host, Report};
use perforate::{Error, ErrorKind, Result};
use perforate_lab::experiment::Experiment;
use perforate_lab::scenarios;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use zip::write::SimpleFileOptions;

use super::bytes::{FLOATS, damage, one, whole};
use crate::common::read as file_of_project;

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Npz,
    Npy,
    Csv,
    Tsv,
    Idx,
    Picture,
    Experiment,
    Report,
    Tokenizer,
}

impl Format {
    /// What its files end in.
    pub fn ending(self) -> &'static str {
        match self {
            Format::Npz => "npz",
            Format::Npy => "npy",
            Format::Csv => "csv",
            Format::Tsv => "tsv",
            Format::Idx => "gz",
            Format::Picture => "png",
            _ => "json",
        }
    }
}

/// A changed file.
pub fn make(rng: &mut ChaCha8Rng) -> (Format, Vec<u8>) {
    let format = one(
        rng,
        &[
            Format::Npz,
            Format::Npz,
            Format::Npy,
            Format::Npy,
            Format::Csv,
            Format::Csv,
            Format::Tsv,
            Format::Tsv,
            Format::Idx,
            Format::Idx,
            Format::Picture,
            Format::Picture,
            Format::Experiment,
            Format::Experiment,
            Format::Report,
        ],
    );
    // The tokenizer's file is large: seldom.
    let format = if rng.random_bool(0.02) { Format::Tokenizer } else { format };
    let mut bytes = match format {
        Format::Npz => archive(rng),
        Format::Npy => array(rng),
        Format::Csv => table(rng, b",", "a,label,b,c,d"),
        Format::Tsv => table(rng, b"\t", "label\tsentence\tpart"),
        Format::Idx => idx(rng),
        Format::Picture => picture(rng),
        Format::Experiment => {
            let whole = experiment(rng);
            json(rng, whole)
        }
        Format::Report => {
            let whole = report(rng);
            json(rng, whole)
        }
        Format::Tokenizer => file_of_project("models/data/sentences/tokenizer.json"),
    };
    if rng.random_bool(0.3) {
        damage(rng, &mut bytes);
    }
    (format, bytes)
}

fn array(rng: &mut ChaCha8Rng) -> Vec<u8> {
    let plain = ["'<f4'", "'<f4'", "'<f8'", "'<i8'", "'|u1'", "'|i1'", "'<i4'"];
    let odd = [
        "'>f4'",
        "'|b1'",
        "'<f2'",
        "'<c8'",
        "'<U5'",
        "'|O'",
        "'<M8[ns]'",
        "[('a', '<f4')]",
        "''",
        "[",
        "'<f99999999999'",
        "'f4'",
        "None",
        "'|V0'",
        "'<f0'",
    ];
    let kind = if rng.random_bool(0.8) { one(rng, &plain) } else { one(rng, &odd) };
    let shapes = [
        "(2, 4)",
        "(2, 4)",
        "(1, 4)",
        "(0, 4)",
        "(4,)",
        "()",
        "(0,)",
        "(-1, 4)",
        "(2, 5)",
        "(2, 4, 1)",
        "(99999999999, 4)",
        "(18446744073709551615,)",
        "(18446744073709551616,)",
        "[2, 4]",
        "(2.5, 4)",
        "(4294967296, 4294967296)",
        "(9223372036854775807, 0)",
        "('a', 4)",
        "2",
    ];
    let shape = if rng.random_bool(0.5) { shapes[0] } else { one(rng, &shapes) };
    let order = one(rng, &["False", "False", "False", "True", "0"]);
    let mut header =
        format!("{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}").into_bytes();
    if rng.random_bool(0.1) {
        let count = one(rng, &[30, 300, 5000]);
        header = one(rng, &["{", "(", "[", "'", "{'descr': "]).repeat(count).into_bytes();
    }
    let version = one(rng, &[1, 1, 1, 2, 3, 9]);
    header.push(b'\n');
    let mut bytes = b"\x93NUMPY".to_vec();
    bytes.extend([version, 0]);
    match version {
        1 => bytes.extend((header.len() as u16).to_le_bytes()),
        _ => bytes.extend((header.len() as u32).to_le_bytes()),
    }
    bytes.extend(header);
    for _ in 0..one(rng, &[0, 1, 2, 8, 8, 8, 8, 8, 8, 16, 20]) {
        bytes.extend(one(rng, &FLOATS).to_le_bytes());
    }
    bytes
}

fn archive(rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(vec![]));
    for _ in 0..rng.random_range(0..4) {
        let name =
            one(rng, &["x.npy", "x.npy", "label.npy", "y.npy", "", "a/b.npy", "../x.npy", "é"]);
        let content = array(rng);
        // A name twice is refused, and then left out.
        if archive.start_file(name, SimpleFileOptions::default()).is_ok() {
            archive.write_all(&content).expect("memory");
        }
    }
    archive.finish().expect("memory").into_inner()
}

fn table(rng: &mut ChaCha8Rng, separator: &[u8], header: &str) -> Vec<u8> {
    let cells: [&[u8]; 18] = [
        b"1",
        b"0",
        b"2.5",
        b"-3",
        b"",
        b"NaN",
        b"inf",
        b"1e400",
        b"word",
        b"test",
        b"calibration",
        b"\"",
        b"\"a\nb\"",
        b"\xff\xfe",
        "é\u{202e}".as_bytes(),
        b"18446744073709551616",
        b"\0",
        b" ",
    ];
    let (mut text, columns) = (vec![], header.split(separator[0] as char).count());
    // Most tables have but a few cells that are no numbers, or none.
    let usual = one(rng, &[0.6, 0.95, 1.0]);
    if rng.random_bool(0.6) {
        text.extend(header.as_bytes());
        text.extend(one(rng, &["\n", "\r\n", "\r"]).bytes());
    }
    for _ in 0..rng.random_range(0..6) {
        let count = if rng.random_bool(usual) { columns } else { rng.random_range(1..6) };
        for column in 0..count {
            if column > 0 {
                text.extend(separator);
            }
            let cell = if rng.random_bool(usual) { cells[0] } else { one(rng, &cells) };
            text.extend(cell);
        }
        text.push(b'\n');
    }
    if rng.random_bool(0.05) {
        text.extend("a ".repeat(100_000).bytes());
    }
    text
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::fast());
    encoder.write_all(content).expect("memory");
    encoder.finish().expect("memory")
}

fn idx(rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut content = vec![0, 0, one(rng, &[8, 8, 8, 13, 255]), one(rng, &[1, 3, 3, 3, 0, 255])];
    for usual in [2u32, 3, 3] {
        let odd = [0, 1, usual, u32::MAX, 1 << 31, 65_536];
        content.extend((if rng.random_bool(0.8) { usual } else { one(rng, &odd) }).to_be_bytes());
    }
    content.extend(vec![7; one(rng, &[18, 18, 0, 17, 19])]);
    if rng.random_bool(0.3) {
        damage(rng, &mut content);
    }
    if rng.random_bool(0.7) { gzipped(&content) } else { content }
}

fn picture(rng: &mut ChaCha8Rng) -> Vec<u8> {
    let sizes = [1, 2, 4, 4, 4, 4, 16];
    let (width, height) = (one(rng, &sizes), one(rng, &sizes));
    let pixels = image::RgbaImage::from_fn(width, height, |x, y| {
        image::Rgba([x as u8 * 13, y as u8 * 17, 90, 255])
    });
    let mut bytes = Cursor::new(vec![]);
    let kind = one(rng, &[image::ImageFormat::Png, image::ImageFormat::Jpeg]);
    let image = image::DynamicImage::from(pixels);
    // JPEG knows no transparency.
    let image = image::DynamicImage::from(image.into_rgb8());
    image.write_to(&mut bytes, kind).expect("memory");
    let mut bytes = bytes.into_inner();
    // The header of a PNG says how large it is, whatever follows.
    if rng.random_bool(0.3) && bytes.len() > 24 {
        let size = one(rng, &[0u32, 1, 1 << 16, 1 << 31, u32::MAX, 1 << 20]);
        bytes[16..20].copy_from_slice(&size.to_be_bytes());
        bytes[20..24].copy_from_slice(&one(rng, &[1, size]).to_be_bytes());
        let sum = crc32(&bytes[12..29.min(bytes.len())]);
        if bytes.len() > 33 {
            bytes[29..33].copy_from_slice(&sum.to_be_bytes());
        }
    }
    if rng.random_bool(0.4) {
        damage(rng, &mut bytes);
    }
    bytes
}

/// The check sum of a part of a PNG, without which a reader looks no further.
fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    sum.sum()
}

fn experiment(rng: &mut ChaCha8Rng) -> Value {
    let scenario = one(rng, &scenarios());
    serde_json::to_value(Experiment::usual(scenario, rng.random())).expect("an experiment")
}

fn report(rng: &mut ChaCha8Rng) -> Value {
    let host =
        Host { target: "x".into(), cpu: None, threads: 1, simd: "none".into(), clock_tick_s: 1e-9 };
    let mut report = serde_json::to_value(Report::new(7, true, host)).expect("a report");
    let experiments = (0..rng.random_range(0..3)).map(|_| {
        let mut scenario = serde_json::Map::new();
        scenario.insert("experiment".into(), experiment(rng));
        Value::Object(scenario)
    });
    report["scenarios"] = Value::Array(experiments.collect());
    report
}

fn json(rng: &mut ChaCha8Rng, mut value: Value) -> Vec<u8> {
    for _ in 0..one(rng, &[1, 1, 2, 4]) {
        change(rng, &mut value, 0);
    }
    let text = value.to_string();
    if rng.random_bool(0.03) {
        return one(rng, &["[", "{\"a\":", "[[["]).repeat(20_000).into_bytes();
    }
    text.into_bytes()
}

/// Changes one value somewhere inside.
fn change(rng: &mut ChaCha8Rng, value: &mut Value, depth: usize) {
    let deeper = depth == 0 || rng.random_bool(0.4);
    match value {
        Value::Object(fields) if deeper && !fields.is_empty() => {
            let names: Vec<String> = fields.keys().cloned().collect();
            let name = one(rng, &names);
            match rng.random_range(0..8) {
                0 => drop(fields.remove(&name)),
                1 => drop(fields.insert("unknown".into(), Value::from(1))),
                _ => fields.get_mut(&name).into_iter().for_each(|own| change(rng, own, depth + 1)),
            }
        }
        Value::Array(items) if deeper && !items.is_empty() => {
            let at = rng.random_range(0..items.len());
            change(rng, &mut items[at], depth + 1);
        }
        other => {
            *other = match rng.random_range(0..9) {
                0 => Value::Null,
                1 => Value::from(whole(rng)),
                2 => Value::from(u64::MAX),
                3 => Value::from(f64::from(one(rng, &FLOATS))),
                4 => Value::from(one(rng, &["", "x", "é\u{202e}", "../../etc", "NaN", "\0"])),
                5 => Value::from(vec![Value::Null; 3]),
                6 => Value::from(serde_json::Map::new()),
                7 => Value::from(rng.random::<bool>()),
                _ => Value::from("a".repeat(100_000)),
            };
        }
    }
}

/// A model of one input of this shape.
pub fn small_model(shape: &[Size]) -> Vec<u8> {
    let mut graph = GraphBuilder::new("small", OPSET);
    graph.input("x", shape).expect("an input");
    graph.node("Relu", "y", &["x"]).expect("a node");
    graph.output("y", shape).expect("an output");
    encode(&graph.into_model(&Metadata::default()).expect("a model"))
}

/// Reads a file as the program does; `folder` is an empty one to write to.
pub fn read(format: Format, bytes: &[u8], folder: &Path) -> Result<()> {
    static PROGRAM: OnceLock<Arc<Program>> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let model = small_model(&[Size::Rows, Size::Fixed(4)]);
        Arc::new(Program::load("small", &model).expect("a model"))
    });
    let text = || {
        let fault = |_| Error::new(ErrorKind::Config, "the file is not UTF-8").at("file");
        std::str::from_utf8(bytes).map_err(fault)
    };
    match format {
        Format::Npz | Format::Npy => {
            npz::read("file.npz", bytes, "x")?;
            own::inputs("file.npz", bytes, program)?;
            own::read("file.npz", bytes, program, false).map(drop)
        }
        Format::Csv => own::read("file.csv", bytes, program, false).map(drop),
        Format::Tsv => sentences::Table::read("file.tsv", bytes).map(drop),
        Format::Idx => {
            let images = images::read_images("file.gz", bytes);
            images::read_labels("file.gz", bytes).map(drop).or(images.map(drop))
        }
        Format::Picture => {
            let model = folder.join("model.onnx");
            let shape = [Size::Rows, Size::Fixed(3), Size::Fixed(4), Size::Fixed(4)];
            std::fs::write(&model, small_model(&shape)).expect("a folder");
            let pictures = folder.join("pictures");
            std::fs::create_dir_all(&pictures).expect("a folder");
            std::fs::write(pictures.join("one.png"), bytes).expect("a folder");
            let [model, pictures] = [&model, &pictures].map(|path| path.display().to_string());
            perforate::cli::run(["perforate", "run", &model, "--input", &pictures])
        }
        Format::Experiment => {
            for experiment in Experiment::read("file.json", text()?)? {
                experiment.needed()?;
                experiment.options()?;
                experiment.sizes();
            }
            Ok(())
        }
        Format::Report => {
            Experiment::read("file.json", text()?)?;
            let report = Report::from_json(text()?)?;
            report.experiments()?;
            report.to_json().map(drop)
        }
        Format::Tokenizer => {
            let tokenizer = sentences::Tokenizer::read("file.json", bytes)?;
            tokenizer.encode("It’s a test, naïve 東京 \u{202e}.").map(drop)
        }
    }
}

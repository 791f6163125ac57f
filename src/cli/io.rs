//! What every command reads, writes and prints.

use std::path::{Path, PathBuf};

use crate::{Error, ErrorKind, Named, Result};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use perforate_base::error::one_line;
use perforate_data::pictures::{Form, Layout, Pictures, Pixels};
use perforate_engine::Program;

/// Prints a line to stdout; whoever reads it may have had enough, as `head` does, which is no fault.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::cli::io::print(format_args!($($text)*))?
    };
}

pub fn print(text: std::fmt::Arguments) -> Result<()> {
    use std::io::Write;
    match writeln!(std::io::stdout(), "{text}") {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(e) => Err(Error::new(ErrorKind::Io, format!("the result cannot be printed ({e})"))),
        Ok(()) => Ok(()),
    }
}

pub(crate) use say;

/// Reads a choice by its name.
pub fn named<T: Named>() -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(T::ALL.iter().map(Named::name)).try_map(|name| T::from_name(&name))
}

/// The content of a file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| {
        Error::new(ErrorKind::Io, format!("the file cannot be read ({e})"))
            .at(path.display().to_string())
    })
}

/// Writes a file.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    std::fs::write(path, content).map_err(|e| {
        Error::new(ErrorKind::Io, format!("the file cannot be written ({e})"))
            .at(path.display().to_string())
    })
}

/// How a folder of pictures becomes inputs; what is not given is read off the model.
#[derive(clap::Args, Debug, Clone, Default)]
pub struct PictureArguments {
    /// Factor of every pixel, which is 0 to 255; 1/255 unless given.
    #[arg(long)]
    scale: Option<f32>,
    /// Taken off then; one value, or one a channel, with commas.
    #[arg(long, value_delimiter = ',')]
    mean: Option<Vec<f32>>,
    /// Divides then; one value, or one a channel, with commas.
    #[arg(long, value_delimiter = ',')]
    deviation: Option<Vec<f32>>,
    /// Order of the axes.
    #[arg(long, value_parser = named::<Layout>())]
    layout: Option<Layout>,
    /// Width and height, where the model leaves them open.
    #[arg(long, num_args = 2, value_names = ["WIDTH", "HEIGHT"])]
    size: Option<Vec<usize>>,
}

impl PictureArguments {
    /// The form for a model.
    pub fn form(&self, program: &Program) -> Result<Form> {
        let own = Form::of(program)?;
        let side = |ix: usize, usual: usize| self.size.as_ref().map_or(usual, |size| size[ix]);
        Ok(Form {
            width: side(0, own.width),
            height: side(1, own.height),
            layout: self.layout.unwrap_or(own.layout),
            scale: self.scale.unwrap_or(own.scale),
            mean: self.mean.clone().unwrap_or(own.mean),
            deviation: self.deviation.clone().unwrap_or(own.deviation),
            channels: own.channels,
        })
    }
}

/// The content of a file of inputs; a folder of pictures as such a file.
pub fn read_inputs(path: &Path, form: impl FnOnce() -> Result<Form>) -> Result<Vec<u8>> {
    if !path.is_dir() {
        return read(path);
    }
    let mut files = vec![];
    collect(path, &mut files)?;
    let mut pictures = Pictures::new(form()?)?;
    for file in files {
        let name = file.display().to_string();
        let fault = |text: String| Error::new(ErrorKind::Data, text).at(&name);
        let decoded = image::load_from_memory(&read(&file)?)
            .map_err(|e| fault(format!("it cannot be read as a picture ({})", one_line(&e))))?
            .into_rgba8();
        let (width, height) = (decoded.width() as usize, decoded.height() as usize);
        let inside = file.strip_prefix(path).unwrap_or(&file).display().to_string();
        let pixels = Pixels { width, height, rgba: decoded.as_raw() };
        pictures.add(&inside.replace('\\', "/"), pixels).map_err(|e| e.within(&name))?;
    }
    pictures.into_npz().map_err(|e| e.within(&path.display().to_string()))
}

/// The pictures of a folder and of those in it, in order of their names.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let fault = |e: std::io::Error| {
        let text = format!("the folder cannot be read ({e})");
        Error::new(ErrorKind::Io, text).at(folder.display().to_string())
    };
    let mut paths = vec![];
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        paths.push(entry.map_err(fault)?.path());
    }
    paths.sort();
    for path in paths {
        let kind = path.extension().map(|kind| kind.to_string_lossy().to_lowercase());
        if path.is_dir() {
            collect(&path, files)?;
        } else if kind.is_some_and(|kind| ["png", "jpg", "jpeg"].contains(&kind.as_str())) {
            files.push(path);
        }
    }
    Ok(())
}

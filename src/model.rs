//! A routed file in ten lines: [`Model::open`], [`Model::run`], and [`Predictions`] with what each row took and cost.

use std::path::Path;
use std::sync::Arc;

use ndarray::ArrayD;

use perforate_base::units::Macs;
use perforate_base::{Error, ErrorKind, Result};
use perforate_engine::{Batch, Datum, InputInfo, KnobInfo, Knobs, Program, Session, to_array};

/// An ONNX model, routed or not, that is ready to run.
///
/// The file is compiled once, when it is opened; memory for the computation stays from run to run, so keep the model.
/// A model belongs to one thread; the [`Program`] inside does not, and each thread can have a model of its own for it:
/// `Model::from(model.program().clone())` compiles nothing.
#[derive(Debug)]
pub struct Model {
    session: Session,
}

impl Model {
    /// Reads and compiles an ONNX file.
    ///
    /// # Errors
    /// `Io` if the file cannot be read, and what [`Model::from_bytes`] refuses. Messages begin with the path.
    pub fn open(path: impl AsRef<Path>) -> Result<Model> {
        let name = path.as_ref().display().to_string();
        let bytes = std::fs::read(&path).map_err(|e| {
            Error::new(ErrorKind::Io, format!("the file cannot be read ({e})")).at(&name)
        })?;
        Model::from_bytes(&name, &bytes)
    }

    /// Compiles the bytes of an ONNX file. `name` stands in error messages.
    ///
    /// # Errors
    /// `NotOnnx` if the bytes are not a model, `UnsupportedOp` if it has an operator that the engine lacks, `Model` if it
    /// cannot be compiled.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Model> {
        Ok(Model::from(Arc::new(Program::load(name, bytes)?)))
    }

    /// The tensors to feed: name, element type, and sizes after the row axis.
    pub fn inputs(&self) -> &[InputInfo] {
        self.program().inputs()
    }

    /// The names of the outputs, in the file's order.
    pub fn outputs(&self) -> &[String] {
        self.program().outputs()
    }

    /// The knobs that its gates compare scores with, and their defaults. A model without gates has none.
    pub fn knobs(&self) -> &[KnobInfo] {
        self.program().knobs()
    }

    /// The compiled file: gates, segments, what they cost, metadata.
    pub fn program(&self) -> &Arc<Program> {
        self.session.program()
    }

    /// Runs the model on the rows of `inputs`. `threshold` is the value of the model's one knob, by whatever name; `None`
    /// keeps the file's default.
    ///
    /// # Errors
    /// `Knob` if a threshold is given to a model that has no knob or several; what [`Model::run_with`] refuses.
    pub fn run(
        &mut self,
        inputs: &Batch,
        threshold: impl Into<Option<f32>>,
    ) -> Result<Predictions> {
        let knobs = match threshold.into() {
            Some(value) => Knobs::new().with(self.only_knob()?, value),
            None => Knobs::new(),
        };
        self.run_with(inputs, &knobs)
    }

    /// Runs the model on the rows of `inputs`; knobs that are not set keep the file's defaults.
    ///
    /// # Errors
    /// `Input` if a tensor is missing, unknown, of the wrong shape or type, or, in a model whose gates look at the rows,
    /// holds a value that is not finite; `Knob` if a knob is unknown, not a number, or has neither a value nor a default.
    /// Messages begin with the model's name.
    pub fn run_with(&mut self, inputs: &Batch, knobs: &Knobs) -> Result<Predictions> {
        let program = self.program().clone();
        let outcome =
            self.session.run(inputs, knobs).map_err(|error| error.within(program.name()))?;
        let row = |row: &perforate_engine::RowTrace| Row {
            path: program.path_label(row.path),
            macs: row.work.macs,
        };
        let rows = outcome.trace.rows.iter().map(row).collect();
        Ok(Predictions { rows, outcome })
    }

    fn only_knob(&self) -> Result<&str> {
        let names: Vec<String> = self.knobs().iter().map(|k| format!("`{}`", k.name)).collect();
        let text = match self.knobs() {
            [only] => return Ok(&only.name),
            [] => "the model has no knob to set: run it without a threshold".to_string(),
            _ => format!(
                "the model has the knobs {}: say which to set, with `run_with`",
                names.join(", ")
            ),
        };
        Err(Error::new(ErrorKind::Knob, text).at(self.program().name()))
    }
}

impl From<Arc<Program>> for Model {
    /// A model for a program that is compiled already.
    fn from(program: Arc<Program>) -> Model {
        Model { session: Session::new(program) }
    }
}

/// What a run gave.
#[derive(Debug)]
pub struct Predictions {
    outcome: perforate_engine::Outcome,
    rows: Vec<Row>,
}

/// How one row went through the model.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Row {
    /// The branches that it took, by the labels that the file gives them, such as `exit1` or `full`.
    pub path: String,
    /// The operations that it took, gates included.
    pub macs: Macs,
}

impl Predictions {
    /// The output `name`, shape `[rows, …]`, as `f32`.
    ///
    /// # Errors
    /// `Config` if the model has no output of this name.
    pub fn output(&self, name: &str) -> Result<ArrayD<f32>> {
        self.output_as(name)
    }

    /// The same as another element type, cast if necessary.
    ///
    /// # Errors
    /// `Config` if the model has no output of this name; `Internal` if it cannot be cast.
    pub fn output_as<T: Datum>(&self, name: &str) -> Result<ArrayD<T>> {
        let found = self.outcome.outputs().find(|(own, _)| *own == name);
        let (_, tensor) = found.ok_or_else(|| {
            let names: Vec<_> = self.outcome.outputs().map(|(own, _)| format!("`{own}`")).collect();
            let text = format!("the model has no output `{name}`; it has {}", names.join(", "));
            Error::new(ErrorKind::Config, text)
        })?;
        to_array(tensor)
    }

    /// The path of every row and its operations, in the order of the inputs.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// All operations of the run.
    pub fn macs(&self) -> Macs {
        self.outcome.trace.total_macs()
    }

    /// The whole record: scores at the gates, bytes read, paths gate by gate.
    pub fn trace(&self) -> &perforate_engine::Trace {
        &self.outcome.trace
    }
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;
    use perforate_onnx::{GraphBuilder, Metadata, OPSET, Size, encode};

    use super::*;

    /// `y = 10 x`, a product of matrices, where x ≥ every knob, else `y = x`.
    fn tenfold(knobs: &[&str]) -> Vec<u8> {
        let shape = [Size::Rows, Size::Fixed(1)];
        let mut main = GraphBuilder::new("tenfold", OPSET);
        let x = main.input("x", &shape).unwrap();
        let mut bound = main.constant("lowest", &[], &[-1e9]).unwrap();
        for name in knobs {
            let knob = main.knob(name, 2.0).unwrap();
            bound = main.node("Max", &format!("max/{name}"), &[&bound, &knob]).unwrap();
        }
        let hard = main.node("GreaterOrEqual", "hard", &[&x, &bound]).unwrap();
        let mut full = main.branch("full");
        let weights = full.constant("full/weights", &[1, 1], &[10.0]).unwrap();
        full.node("MatMul", "full/product", &[&x, &weights]).unwrap();
        full.output("full/product", &shape).unwrap();
        let mut light = full.branch("light");
        light.node("Identity", "light/kept", &[&x]).unwrap();
        light.output("light/kept", &shape).unwrap();
        main.gate("gate", &hard, full, light, &["y"]).unwrap();
        main.output("y", &shape).unwrap();
        let labels = [("gate".to_string(), ["full", "light"].map(String::from))].into();
        encode(&main.into_model(&Metadata { labels, ..Metadata::default() }).unwrap())
    }

    fn inputs() -> Batch {
        let values = vec![1.0f32, 3.0, -4.0];
        Batch::new().with("x", ArrayD::from_shape_vec(vec![3, 1], values).unwrap())
    }

    fn values(run: &Predictions) -> Vec<f32> {
        run.output("y").unwrap().into_iter().collect()
    }

    #[test]
    fn a_threshold_routes_each_row_and_none_keeps_the_default() {
        let mut model = Model::from_bytes("tenfold.onnx", &tenfold(&["threshold"])).unwrap();
        let run = model.run(&inputs(), None).unwrap();
        assert_eq!(values(&run), [1.0, 30.0, -4.0]);
        let paths: Vec<&str> = run.rows().iter().map(|row| row.path.as_str()).collect();
        assert_eq!(paths, ["light", "full", "light"]);
        let macs: Vec<f64> = run.rows().iter().map(|row| row.macs.0).collect();
        assert_eq!((macs, run.macs().0), (vec![0.0, 1.0, 0.0], 1.0));
        assert_eq!(values(&model.run(&inputs(), -5.0).unwrap()), [10.0, 30.0, -40.0]);
        assert_eq!(values(&model.run(&inputs(), Some(4.0)).unwrap()), [1.0, 3.0, -4.0]);
        let knobs = Knobs::new().with("threshold", 4.0);
        assert_eq!(values(&model.run_with(&inputs(), &knobs).unwrap()), [1.0, 3.0, -4.0]);
        assert_eq!(run.output_as::<i64>("y").unwrap().into_raw_vec_and_offset().0, [1, 30, -4]);
    }

    #[test]
    fn what_it_reads_gives_and_lets_be_set_is_listed() {
        let model = Model::from_bytes("tenfold.onnx", &tenfold(&["threshold"])).unwrap();
        assert_eq!((model.inputs()[0].name.as_str(), model.outputs()), ("x", &["y".into()][..]));
        assert_eq!((&*model.knobs()[0].name, model.knobs()[0].default), ("threshold", Some(2.0)));
        // Another thread's model shares what was compiled.
        let program = model.program().clone();
        std::thread::spawn(move || Model::from(program).run(&inputs(), None).unwrap().macs())
            .join()
            .unwrap();
    }

    #[test]
    fn errors_name_the_file_the_knob_and_the_input() {
        let message = |result: Result<Predictions>| result.unwrap_err().to_string();
        let mut none = Model::from_bytes("none.onnx", &tenfold(&[])).unwrap();
        let text = message(none.run(&inputs(), 0.5));
        assert!(text.contains("none.onnx") && text.contains("no knob"), "{text}");
        let mut two = Model::from_bytes("two.onnx", &tenfold(&["low", "high"])).unwrap();
        let text = message(two.run(&inputs(), 0.5));
        assert!(text.contains("two.onnx") && text.contains("`low`, `high`"), "{text}");
        let text = message(two.run_with(&inputs(), &Knobs::new().with("middle", 0.5)));
        assert!(text.contains("two.onnx") && text.contains("`middle`"), "{text}");
        let text = message(two.run(&Batch::new(), None));
        assert!(text.contains("two.onnx") && text.contains("`x`"), "{text}");
        let text = two.run(&inputs(), None).unwrap().output("z").unwrap_err().to_string();
        assert!(text.contains("`z`") && text.contains("`y`"), "{text}");
        let text = Model::open("no/such/file.onnx").unwrap_err().to_string();
        assert!(text.contains("no/such/file.onnx"), "{text}");
        let text = Model::from_bytes("text.onnx", b"text").unwrap_err().to_string();
        assert!(text.contains("text.onnx"), "{text}");
    }
}
